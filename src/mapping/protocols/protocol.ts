/**
 * What a protocol is to sockspan: one file that recognises, parses and describes, and one line in registry.ts.
 *
 * A parser sees the bytes of one direction of a connection from the first byte that it has not consumed. It is
 * called again with more bytes as they come, so it keeps no cursor of its own: for any split of the bytes it
 * gives the same messages.
 */
import type { Framing } from "../connection/framing.ts";
import type { Attribute, SpanKind } from "../span.ts";

/** Who sent the bytes: the end that opened the connection, or the end that accepted it. */
export const Sender = { client: 0, server: 1 } as const;
export type Sender = (typeof Sender)[keyof typeof Sender];

/** `oneWay`: no answer will come (Kafka acks=0, a pushed message). */
export const MessageRole = { request: 0, response: 1, oneWay: 2 } as const;
export type MessageRole = (typeof MessageRole)[keyof typeof MessageRole];

export interface Message {
  readonly role: MessageRole;
  /** Pairs request and response in multiplexed protocols; undefined: answers come in the order of the requests. */
  readonly id: number | string | undefined;
  /** It has no end of its own: the end of the connection is its regular end. */
  readonly endsAtClose?: boolean;
}

/** Says what the bytes that this call of `parse` consumes are. At most one message starts in a call. */
export interface MessageSink<M extends Message> {
  /** A whole message: the consumed bytes, all of them. */
  message(message: M): void;
  /** A message that starts with the consumed bytes and goes on. */
  begin(message: M): void;
  /** The message that was begun (the same object) ends with the consumed bytes. */
  end(message: M): void;
  /** From the next byte on, in both directions, the connection speaks another protocol (its registry name). */
  upgrade(protocol: string): void;
}

/** Results of `parse` other than a count of bytes. */
export const NEED_MORE = 0;
export const INVALID = -1;

/** For `upgrade`: whatever the next bytes turn out to be (behind an HTTP CONNECT). */
export const UPGRADE_TO_ANY = "*";

export const Recognition = { no: 0, needMore: 1, request: 2, response: 3 } as const;
export type Recognition = (typeof Recognition)[keyof typeof Recognition];

export interface RecognitionHint {
  /** undefined while nobody knows who opened the connection. */
  readonly sender: Sender | undefined;
  readonly serverPort: number;
  readonly transport: "tcp" | "udp";
  /** These are the first bytes of this direction of the connection. */
  readonly isStreamStart: boolean;
}

export interface Endpoint {
  /** "10.0.0.1", "2001:db8::1"; an AF_UNIX server's path, "" of its client. */
  readonly address: string;
  /** 0: has none. */
  readonly port: number;
}

/** From which side an exchange is described. */
export interface SpanView {
  readonly kind: typeof SpanKind.client | typeof SpanKind.server;
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly transport: "tcp" | "udp";
  readonly isEncrypted: boolean;
  readonly options: DescribeOptions;
}

/** What the configuration says about content. */
export interface DescribeOptions {
  /** Lower case. */
  readonly requestHeaders: readonly string[];
  /** Lower case. */
  readonly responseHeaders: readonly string[];
  /** Query parameters whose values are shown; all others are REDACTED. */
  readonly urlQueryParameters: readonly string[];
}

/** One exchange. A response that never came is undefined, with the reason. */
export interface Session<M extends Message> {
  readonly request: M | undefined;
  readonly response: M | undefined;
  /** Why there is no response: "timeout", "connection_closed", "gap", "end_of_input"; undefined for one-way messages too. */
  readonly incomplete: string | undefined;
  /** Of the response only the beginning was seen: what was counted in it is not all. */
  readonly isEndHidden: boolean;
}

export interface SpanFields {
  readonly name: string;
  /** Where the view's kind is not right: messaging. */
  readonly kind?: SpanKind;
  /** Semantic convention attributes; network.* and server.* or client.* that every protocol has are added by the caller. */
  readonly attributes: Attribute[];
  readonly isError: boolean;
  /** Only where the code itself does not say it. */
  readonly statusMessage?: string;
}

export interface Protocol<M extends Message, S> {
  /** Registry name, lower snake case: `http1`, `postgresql`. */
  readonly name: string;
  /** network.protocol.name, where the specification has one. */
  readonly networkProtocolName: string;
  /** Ports where it is usually found: a hint for the order of recognition, never a proof. */
  readonly usualPorts: readonly number[];
  /** Its bytes are easily mistaken: it is claimed only where both directions fit, or on a usual port. */
  readonly isWeak?: boolean;
  /** Its exchanges set a connection up (a handshake): nobody serves them, and what follows can't be read. */
  readonly isSetup?: boolean;
  /** The client says who it is. */
  signsIn?(request: M): boolean;
  /** A client waits for the answer before it asks again, unless it was seen to do otherwise. */
  readonly asksOneByOne?: boolean;
  /** After a gap, a message is only believed to start where a system call does: its bodies may hold its own messages. */
  readonly resyncsAtCallStart?: boolean;
  /** Lets the kernel copy no more of each frame than `parse` reads. */
  readonly framing?: Framing;
  /** Whatever else this sender says is of the message that it has begun, up to the end of the connection. */
  isOpenEnded?(sender: Sender, state: S): boolean;
  /** The next so many bytes, which were not all captured, are of the message that this sender has begun: they are passed over. */
  passUncaptured?(count: number, sender: Sender, state: S): boolean;
  /** Do both directions consist of frames from here on? Yes, if undefined. */
  isFramed?(state: S): boolean;
  /** So many frames of this sender that the framing leaves out stood here. */
  leftOut?(count: number, sender: Sender, state: S): void;
  /**
   * Are these bytes the start of a message of this protocol? Says who sent them. `needMore` only while every byte
   * so far fits; a false claim loses a whole connection, so the doubtful answer is `no`.
   */
  recognize(bytes: Uint8Array, hint: RecognitionHint): Recognition;
  /** State of one connection, shared by its two directions. Bounded: say the bound in the file's header. */
  createState(): S;
  /**
   * Consume one message or frame at the start of `bytes`. Returns how many bytes it takes, which may be more than
   * are there (a body to skip), NEED_MORE, or INVALID (not this protocol here: the connection resyncs). Never throws.
   */
  parse(bytes: Uint8Array, sender: Sender, state: S, sink: MessageSink<M>): number;
  /**
   * A message is there in part, and its rest may never come: the other end answers already, bytes are lost, the
   * connection is over. Says what can be said of it. Returns how many bytes it takes, which may be more than are there;
   * 0: nothing. What comes of the message after all goes to `parse`.
   */
  parseCut?(bytes: Uint8Array, sender: Sender, state: S, sink: MessageSink<M>): number;
  /** After a gap: the index, at or after `from`, where a message of this sender may start; -1 if none is in sight. */
  findBoundary(bytes: Uint8Array, from: number, sender: Sender, state: S): number;
  /** After a gap of this sender's bytes: forget what the lost bytes may have changed. */
  resync(state: S, sender: Sender): void;
  /** Value of a header or property that carries trace context: `traceparent`, `b3`, `sw8`, `x-request-id`. */
  carried?(message: M, key: string): string | undefined;
  /** undefined: the exchange is no span (a handshake, a heartbeat). */
  describe(session: Session<M>, view: SpanView): SpanFields | undefined;
}
