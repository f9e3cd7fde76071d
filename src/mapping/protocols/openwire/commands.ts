/** OpenWire's commands by data type, and the fields of those that name a destination or an error, in their order. */
import type { OpenwireReader } from "./reader.ts";

export const OpenwireType = {
  wireFormatInfo: 1,
  brokerInfo: 2,
  connectionInfo: 3,
  consumerInfo: 5,
  producerInfo: 6,
  destinationInfo: 8,
  connectionError: 16,
  messagePull: 20,
  messageDispatch: 21,
  messageAck: 22,
  response: 30,
  exceptionResponse: 31,
  lastResponse: 34,
} as const;

export const OPENWIRE_COMMANDS: ReadonlyMap<number, string> = new Map([
  [1, "WireFormatInfo"],
  [2, "BrokerInfo"],
  [3, "ConnectionInfo"],
  [4, "SessionInfo"],
  [5, "ConsumerInfo"],
  [6, "ProducerInfo"],
  [7, "TransactionInfo"],
  [8, "DestinationInfo"],
  [9, "RemoveSubscriptionInfo"],
  [10, "KeepAliveInfo"],
  [11, "ShutdownInfo"],
  [12, "RemoveInfo"],
  [14, "ControlCommand"],
  [15, "FlushCommand"],
  [16, "ConnectionError"],
  [17, "ConsumerControl"],
  [18, "ConnectionControl"],
  [19, "ProducerAck"],
  [20, "MessagePull"],
  [21, "MessageDispatch"],
  [22, "MessageAck"],
  [23, "Message"],
  [24, "BytesMessage"],
  [25, "MapMessage"],
  [26, "ObjectMessage"],
  [27, "StreamMessage"],
  [28, "TextMessage"],
  [29, "BlobMessage"],
  [30, "Response"],
  [31, "ExceptionResponse"],
  [32, "DataResponse"],
  [33, "DataArrayResponse"],
  [34, "IntegerResponse"],
]);

export function isOpenwireMessage(type: number | undefined): boolean {
  return type !== undefined && type >= 23 && type <= 29;
}

interface OpenwireFields {
  readonly destination: string | undefined;
  readonly correlationId: string | undefined;
  /** Responses: the command that they answer. */
  readonly responseTo: number | undefined;
  readonly errorType: string | undefined;
  readonly errorText: string | undefined;
  readonly properties: ReadonlyMap<string, string>;
}

const NO_PROPERTIES: ReadonlyMap<string, string> = new Map();
const EMPTY: OpenwireFields = {
  destination: undefined,
  correlationId: undefined,
  responseTo: undefined,
  errorType: undefined,
  errorText: undefined,
  properties: NO_PROPERTIES,
};

/** @param reader behind the command's id and its response flag */
export function readOpenwireFields(type: number, reader: OpenwireReader): OpenwireFields {
  if (type >= OpenwireType.response && type <= OpenwireType.lastResponse) {
    const responseTo = reader.int();
    const failure = type === OpenwireType.exceptionResponse ? readThrowable(reader) : {};
    return { ...EMPTY, responseTo, ...failure };
  }
  if (isOpenwireMessage(type)) return readMessage(reader);
  switch (type) {
    case OpenwireType.connectionError:
      return { ...EMPTY, ...readThrowable(reader) };
    case OpenwireType.messageDispatch: {
      reader.cached();
      const destination = reader.cached();
      const inner = reader.nestedType();
      if (!isOpenwireMessage(inner)) return { ...EMPTY, destination };
      reader.enterMessage();
      reader.int();
      reader.boolean();
      const message = readMessage(reader);
      return { ...message, destination: destination ?? message.destination };
    }
    case OpenwireType.messageAck:
      return { ...EMPTY, destination: reader.cached() };
    case OpenwireType.consumerInfo:
      reader.cached();
      reader.boolean();
      return { ...EMPTY, destination: reader.cached() };
    case OpenwireType.producerInfo:
    case OpenwireType.messagePull:
    case OpenwireType.destinationInfo:
      reader.cached();
      return { ...EMPTY, destination: reader.cached() };
    default:
      return EMPTY;
  }
}

function readMessage(reader: OpenwireReader): OpenwireFields {
  reader.cached(); // producer
  const destination = reader.cached();
  reader.cached(); // transaction
  reader.cached(); // original destination
  reader.nested(); // message id
  reader.cached(); // original transaction
  reader.text(); // group
  reader.int();
  const correlationId = reader.text();
  reader.boolean(); // persistent
  reader.skipLong(); // expiration
  reader.byte(); // priority
  reader.nested(); // reply to
  reader.skipLong(); // timestamp
  reader.text(); // type
  reader.sequence(); // content
  const properties = reader.properties();
  return { ...EMPTY, destination, correlationId, properties };
}

function readThrowable(reader: OpenwireReader): { errorType: string; errorText: string | undefined } {
  const name = reader.boolean() ? reader.text() : undefined;
  const errorText = name === undefined ? undefined : reader.text();
  return { errorType: name !== undefined && /^[\w.$]+$/.test(name) ? name : "exception", errorText };
}
