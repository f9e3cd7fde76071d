/**
 * AMQP 1.0 (OASIS): connections, links, and transfers in both directions. An unsettled transfer is answered by the
 * disposition of its delivery; a settled one is one-way. Payloads are skipped behind their properties. TLS by the
 * protocol header hands over.
 *
 * Claims: the protocol header of version 1.0.0, or a frame whose size, offset, type and performative agree.
 * State: 256 sessions, 1024 links and 4096 unsettled deliveries for each direction.
 */
import { setBounded } from "../../../make-room.ts";
import type { Attribute } from "../../span.ts";
import { uint16, uint32 } from "../byte-reader.ts";
import { agreed, startsWith } from "../framed.ts";
import { describeMessaging } from "../messaging-span.ts";
import {
  INVALID,
  type Message,
  MessageRole,
  type MessageSink,
  NEED_MORE,
  type Protocol,
  Recognition,
  Sender,
} from "../protocol.ts";
import { peerOf } from "../rpc-span.ts";
import { frameKind, HEADER_BYTES, Performative, Sasl } from "./frame.ts";
import { type AmqpDescribed, AmqpReader, type AmqpValue, asDescribed, asList, asNumber, asText } from "./reader.ts";
import { type Amqp10Sections, readSections } from "./sections.ts";
import {
  type Amqp10State,
  boundedAdd,
  createAmqp10State,
  MAX_CHANNELS,
  MAX_LINKS,
  MAX_UNSETTLED,
  sessionOf,
} from "./state.ts";

interface Amqp10Message extends Message, Amqp10Sections {
  readonly operation: "open" | "attach" | "transfer" | "answer";
  readonly sender: Sender;
  readonly system: string | undefined;
  errorType: string | undefined;
}

type State = Amqp10State<Amqp10Message>;

const OUTCOMES: ReadonlyMap<number, string> = new Map([
  [0x25, "rejected"],
  [0x26, "released"],
  [0x27, "modified"],
]);
const MAGIC = [0x41, 0x4d, 0x51, 0x50];
/** So much of a frame is read. */
const READ_BYTES = 4096;
const TLS_HEADER = 2;

function newMessage(
  state: State,
  sender: Sender,
  role: MessageRole,
  id: string | undefined,
  operation: Amqp10Message["operation"],
): Amqp10Message {
  return {
    role,
    id,
    operation,
    sender,
    system: state.system,
    address: undefined,
    bodySize: undefined,
    messageId: undefined,
    correlationId: undefined,
    properties: undefined,
    errorType: undefined,
  };
}

function parse(bytes: Uint8Array, sender: Sender, state: State, sink: MessageSink<Amqp10Message>): number {
  const settling = state.settling[sender];
  if (settling !== undefined) return settleNext(sender, state, sink);
  if (bytes[0] === MAGIC[0]) return protocolHeader(bytes, sink);
  const code = frameKind(bytes, 0);
  if (code === NEED_MORE || code === INVALID) return code;
  const size = uint32(bytes, 0);
  const end = Math.min(size, READ_BYTES);
  if (bytes.length < end) return NEED_MORE;
  if (code === HEADER_BYTES || code >= Sasl.mechanisms) return size;
  const reader = new AmqpReader(bytes, bytes[4]! * 4, end);
  const performative = asDescribed(reader.value());
  const list = asList(performative?.value);
  if (list === undefined) return size;
  const fields = reader.items(list, 16);
  const session = sessionOf(state, sender, uint16(bytes, 6));
  switch (code) {
    case Performative.open:
      open(fields, reader, sender, state, sink);
      break;
    case Performative.begin:
      begin(fields, uint16(bytes, 6), sender, state);
      break;
    case Performative.attach:
      attach(fields, reader, session, sender, state, sink);
      break;
    case Performative.transfer:
      transfer(fields, bytes, reader, session, sender, state, sink);
      break;
    case Performative.disposition:
      return disposition(fields, reader, size, session, sender, state, sink);
    case Performative.detach:
      state.links[sender].delete(`${session}.${asNumber(fields[0])}`);
      break;
    case Performative.end:
      state.sessions[sender].delete(uint16(bytes, 6));
      break;
  }
  return size;
}

function protocolHeader(bytes: Uint8Array, sink: MessageSink<Amqp10Message>): number {
  if (!startsWith(bytes, 0, MAGIC)) return INVALID;
  if (bytes.length < HEADER_BYTES) return NEED_MORE;
  if (bytes[5] !== 1) return INVALID;
  // Both ends send it; behind both only TLS records come.
  if (bytes[4] === TLS_HEADER) sink.upgrade("tls");
  return HEADER_BYTES;
}

function open(
  fields: readonly AmqpValue[],
  reader: AmqpReader,
  sender: Sender,
  state: State,
  sink: MessageSink<Amqp10Message>,
): void {
  const hostname = asText(fields[1]) ?? "";
  const properties = asList(fields[9]);
  const product = properties === undefined ? undefined : asText(mapValue(reader.items(properties, 64), "product"));
  if (/\.servicebus\.(?:windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)$/i.test(hostname))
    state.system = "servicebus";
  else if (sender === Sender.server && product !== undefined) state.system = systemOf(product);
  const isClient = sender === Sender.client;
  const message = newMessage(state, sender, isClient ? MessageRole.request : MessageRole.response, "open", "open");
  message.address = hostname || undefined;
  sink.message(message);
}

function systemOf(product: string): string {
  if (/activemq|artemis/i.test(product)) return "activemq";
  return /rabbitmq/i.test(product) ? "rabbitmq" : "amqp";
}

/** The answer to a begin names the channel of the one who began. */
function begin(fields: readonly AmqpValue[], channel: number, sender: Sender, state: State): void {
  const remote = asNumber(fields[0]);
  const name = remote === undefined ? `${sender}.${channel}` : sessionOf(state, peerOf(sender), remote);
  setBounded(state.sessions[sender], channel, name, MAX_CHANNELS);
}

/** name, handle, role (true: receives), settle modes, source, target */
function attach(
  fields: readonly AmqpValue[],
  reader: AmqpReader,
  session: string,
  sender: Sender,
  state: State,
  sink: MessageSink<Amqp10Message>,
): void {
  const handle = asNumber(fields[1]);
  const isReceiver = fields[2] === true;
  // What the client sends goes to the target, what it gets comes from the source.
  const isClientSending = isReceiver === (sender === Sender.server);
  // A link each way may have the same name (section 2.6.1).
  const name = `${isClientSending ? "to" : "from"} ${asText(fields[0]) ?? ""}`;
  const terminus = asDescribed(fields[isClientSending ? 6 : 5]);
  const list = asList(terminus?.value);
  const address = list === undefined ? undefined : asText(reader.items(list, 1)[0]);
  const key = `${session}.${handle}`;
  const known = [...state.links[peerOf(sender)].values()].find((link) => link.name === name);
  if (known !== undefined) known.address ??= address;
  setBounded(state.links[sender], key, known ?? { name, address }, MAX_LINKS);
  const isRequest = known === undefined;
  const id = `a${name}`;
  const message = newMessage(state, sender, isRequest ? MessageRole.request : MessageRole.response, id, "attach");
  message.address = known?.address ?? address;
  sink.message(message);
}

/** handle, delivery id, delivery tag, format, settled, more, ... */
function transfer(
  fields: readonly AmqpValue[],
  bytes: Uint8Array,
  reader: AmqpReader,
  session: string,
  sender: Sender,
  state: State,
  sink: MessageSink<Amqp10Message>,
): void {
  const size = uint32(bytes, 0);
  const key = `${session}.${asNumber(fields[0])}`;
  const hasMore = fields[5] === true;
  const open = state.unfinished[sender].get(key);
  if (open !== undefined) {
    if (open.bodySize !== undefined) open.bodySize += size - reader.position;
    if (hasMore) return;
    state.unfinished[sender].delete(key);
    sink.end(open);
    return;
  }
  const delivery = asNumber(fields[1]);
  if (delivery === undefined) return;
  const isSettled = fields[4] === true;
  const id = `${sender}.${session}.${delivery}`;
  const role = isSettled ? MessageRole.oneWay : MessageRole.request;
  const message = newMessage(state, sender, role, id, "transfer");
  message.address = state.links[sender].get(key)?.address;
  readSections(message, bytes, reader, size);
  if (!isSettled) boundedAdd(state.unsettled[sender], id, MAX_UNSETTLED);
  if (!hasMore) {
    sink.message(message);
    return;
  }
  setBounded(state.unfinished[sender], key, message, MAX_LINKS);
  sink.begin(message);
}

function mapValue(items: readonly AmqpValue[], key: string): AmqpValue {
  for (let i = 0; i + 1 < items.length; i += 2) if (items[i] === key) return items[i + 1];
  return undefined;
}

/** role (true: of the receiver), first, last, settled, state */
function disposition(
  fields: readonly AmqpValue[],
  reader: AmqpReader,
  size: number,
  session: string,
  sender: Sender,
  state: State,
  sink: MessageSink<Amqp10Message>,
): number {
  const first = asNumber(fields[1]);
  const outcome = asDescribed(fields[4]);
  if (fields[0] !== true || first === undefined || (outcome === undefined && fields[3] !== true)) return size;
  const last = Math.min(asNumber(fields[2]) ?? first, first + size);
  const from = peerOf(sender);
  const ids: string[] = [];
  for (let delivery = first; delivery <= last; delivery++) {
    const id = `${from}.${session}.${delivery}`;
    if (state.unsettled[from].delete(id)) ids.push(id);
  }
  if (ids.length === 0) return size;
  const code = asNumber(outcome?.descriptor);
  state.settling[sender] = { ids, outcome: code, error: errorOf(outcome, reader), left: size };
  return settleNext(sender, state, sink);
}

/** At most one message starts in a call: all but the last answer take one byte of the frame. */
function settleNext(sender: Sender, state: State, sink: MessageSink<Amqp10Message>): number {
  const settling = state.settling[sender]!;
  const message = newMessage(state, sender, MessageRole.response, settling.ids.shift(), "answer");
  message.errorType = settling.error;
  sink.message(message);
  if (settling.ids.length > 0 && settling.left > 1) {
    settling.left--;
    return 1;
  }
  state.settling[sender] = undefined;
  return settling.left;
}

function errorOf(outcome: AmqpDescribed | undefined, reader: AmqpReader): string | undefined {
  const name = OUTCOMES.get(asNumber(outcome?.descriptor) ?? 0);
  if (name !== "rejected") return name;
  const list = asList(outcome?.value);
  const error = list === undefined ? undefined : asDescribed(reader.items(list, 1)[0]);
  const condition = asList(error?.value);
  return (condition === undefined ? undefined : asText(reader.items(condition, 1)[0])) ?? name;
}

function classify(bytes: Uint8Array, sender: Sender | undefined): Recognition {
  if (bytes[0] === MAGIC[0]) {
    if (!startsWith(bytes, 0, MAGIC)) return Recognition.no;
    for (const [at, limit] of [
      [4, 3],
      [5, 1],
      [6, 0],
      [7, 0],
    ] as const) {
      if (bytes[at] !== undefined && (bytes[at]! > limit || (at === 5 && bytes[at] !== 1))) return Recognition.no;
    }
    if (bytes.length < HEADER_BYTES) return Recognition.needMore;
    if (sender !== undefined) return sender === Sender.client ? Recognition.request : Recognition.response;
    // Both ends begin alike: what follows tells.
    return bytes.length === HEADER_BYTES ? Recognition.needMore : frameSender(bytes, HEADER_BYTES);
  }
  const code = frameKind(bytes, 0);
  if (code === INVALID || code === HEADER_BYTES) return Recognition.no;
  if (code === NEED_MORE) return Recognition.needMore;
  if (sender !== undefined) return sender === Sender.client ? Recognition.request : Recognition.response;
  return frameSender(bytes, 0);
}

/** SASL tells the ends apart; so does an open that names the host. */
function frameSender(bytes: Uint8Array, at: number): Recognition {
  const code = frameKind(bytes, at);
  if (code === INVALID) return Recognition.no;
  if (code === Sasl.mechanisms || code === Sasl.challenge || code === Sasl.outcome) return Recognition.response;
  if (code === Sasl.init || code === Sasl.response) return Recognition.request;
  if (code !== Performative.open || bytes.length < at + uint32(bytes, at)) return Recognition.needMore;
  const reader = new AmqpReader(bytes, at + bytes[at + 4]! * 4, at + uint32(bytes, at));
  const list = asList(asDescribed(reader.value())?.value);
  const hostname = list === undefined ? undefined : asText(reader.items(list, 2)[1]);
  return hostname === undefined ? Recognition.needMore : Recognition.request;
}

export const amqp10: Protocol<Amqp10Message, State> = {
  name: "amqp10",
  networkProtocolName: "amqp",
  usualPorts: [5672],
  resyncsAtCallStart: true,
  recognize: (bytes, hint) =>
    hint.transport === "tcp" ? agreed(classify(bytes, hint.sender), hint.sender) : Recognition.no,
  createState: () => createAmqp10State(),
  parse,
  findBoundary(bytes, from) {
    const code = frameKind(bytes, from);
    return code !== NEED_MORE && code !== INVALID ? from : -1;
  },
  resync(state, sender) {
    state.unfinished[sender].clear();
    state.settling[sender] = undefined;
  },
  carried: (message, key) =>
    message.properties?.get(key) ?? (key === "traceparent" ? diagnosticId(message) : undefined),
  describe(session, view) {
    const { request, response } = session;
    if (request === undefined) return undefined;
    const isTransfer = request.operation === "transfer";
    const isDelivery = isTransfer && request.sender === Sender.server;
    const attributes: Attribute[] = [["network.protocol.version", "1.0.0"]];
    if (request.bodySize !== undefined) attributes.push(["messaging.message.body.size", request.bodySize]);
    if (request.messageId !== undefined) attributes.push(["messaging.message.id", request.messageId]);
    if (request.correlationId !== undefined) {
      attributes.push(["messaging.message.conversation_id", request.correlationId]);
    }
    return describeMessaging(session, view, {
      // The broker names itself in its answer.
      system: response?.system ?? request.system ?? "amqp",
      operation: isTransfer ? (isDelivery ? "deliver" : "send") : request.operation,
      type: isTransfer ? (isDelivery ? "receive" : "send") : undefined,
      destination: request.operation === "open" ? undefined : (response?.address ?? request.address),
      attributes,
      errorType: response?.errorType,
    });
  },
};

/** Azure's libraries call it so. */
function diagnosticId(message: Amqp10Message): string | undefined {
  const id = message.properties?.get("diagnostic-id");
  return id !== undefined && /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(id) ? id : undefined;
}
