/**
 * What is said of a TCP connection whose protocol nobody knows, where that was asked for: who talked to whom, how long,
 * how many bytes. It recognises nothing and is in no list: the connection itself makes its one message.
 */
import { INVALID, type Message, MessageRole, type Protocol, Recognition, Sender } from "./protocol.ts";

export interface UnknownConnection extends Message {
  /** By the sender. */
  readonly bytes: [number, number];
}

export function newUnknownConnection(): UnknownConnection {
  return { role: MessageRole.oneWay, id: "connection", endsAtClose: true, bytes: [0, 0] };
}

export const unknownConnection: Protocol<UnknownConnection, undefined> = {
  name: "unknown",
  networkProtocolName: "",
  usualPorts: [],
  isSetup: true,
  recognize: () => Recognition.no,
  createState: () => undefined,
  parse: () => INVALID,
  findBoundary: () => -1,
  resync() {},
  describe({ request }) {
    if (request === undefined) return undefined;
    return {
      name: "connection",
      attributes: [
        ["sockspan.connection.client.bytes", request.bytes[Sender.client]],
        ["sockspan.connection.server.bytes", request.bytes[Sender.server]],
      ],
      isError: false,
    };
  },
};
