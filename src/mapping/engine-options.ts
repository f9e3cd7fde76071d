/** What the engine is told, and where its results go. */

import type { Verdict } from "./connection/verdict.ts";
import type { IoOptions } from "./io/io-tracer.ts";
import type { SdkSpans } from "./join/evidence/instrumented.ts";
import type { Watch } from "./join/watch/watch.ts";
import type { ServedWork } from "./profiles/served-work.ts";
import type { DescribeOptions, Endpoint } from "./protocols/protocol.ts";
import type { AnyProtocol } from "./protocols/registry.ts";
import type { Resource, Span } from "./span.ts";
import type { SpanDraft } from "./span-draft.ts";

export interface EngineOptions {
  /** Wall time minus monotonic time. */
  clockOffsetNs(): bigint;
  /** undefined: not known yet; asked again, at most for a second of event time. */
  resourceOf(tgid: number): Resource | undefined;
  fallbackResource(tgid: number, comm: string): Resource;
  /** All of them, if undefined. */
  readonly protocols?: readonly AnyProtocol[];
  /** TCP connections of no known protocol make a span each, when they are over. */
  readonly tellsUnknownConnections?: boolean;
  readonly describe: DescribeOptions;
  /** So long a span waits for its trace to be settled. */
  readonly settleNs: number;
  /** `capture`: packets seen from neither end: one span for each exchange, of kind CLIENT. */
  readonly observer?: "host" | "capture";
  /** Connections that are nobody's business, our own among them. */
  isExcluded?(socket: SocketFacts): boolean;
  /** Is the trace context in requests from this address believed? Private networks, if undefined. */
  trustsContextFrom?(address: Uint8Array): boolean;
  /** Told of what each unit of work reads and sends, for samples to be linked to it. */
  readonly work?: ServedWork;
  /** Which headers may name a trace or a request, lower case; join/evidence/carried-context.ts has the default. */
  readonly contextHeaders?: readonly string[];
  /** What becomes of spans that a library of the traced process makes too. Default join. */
  readonly sdkSpans?: SdkSpans;
  /** false: the runtime of this process moves its work between threads, or is not known yet. Default true. */
  areThreadsUnits?(tgid: number): boolean;
  /** Whether what costs more is to be told of this process: only where calls can't be joined without. */
  readonly watch?: Watch;
  /** OTLP Export calls make spans too. */
  readonly keepsOtlpExports?: boolean;
  /** Is told of each span that leaves, with what it was made of: for explanations. */
  left?(draft: SpanDraft, span: Span, clockOffsetNs: bigint): void;
  /** What becomes of reads and writes of files. */
  readonly io?: IoOptions;
  /** Bytes of one direction that wait for what is missing before them. Default 256 KiB. */
  readonly streamBufferBytes?: number;
  /** How long an event that is missing may still come. Default 5 ms. */
  readonly streamWaitNs?: number;
  /** How long a request on an open connection waits for its answer. Default 5 minutes. */
  readonly exchangeTimeoutNs?: number;
  /** Open exchanges of one connection. Default 1024. */
  readonly maxOpenExchanges?: number;
  /** Default 65 536; the one that was silent longest goes first. */
  readonly maxConnections?: number;
  /** Spans that wait for their trace. Default 32 MiB. */
  readonly maxHeldBytes?: number;
}

interface SocketFacts {
  readonly socketCookie: number;
  readonly tgid: number;
  readonly comm: string;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly localFirstSequence: number;
  readonly remoteFirstSequence: number;
}

export interface EngineOutput {
  spans(spans: readonly Span[]): void;
  verdict(socketCookie: number, verdict: Verdict): void;
}

/** TCP states (include/net/tcp_states.h) that the engine looks at. */
export const TcpState = {
  established: 1,
  synSent: 2,
  finWait1: 4,
  close: 7,
  closeWait: 8,
  lastAck: 9,
  listen: 10,
} as const;
