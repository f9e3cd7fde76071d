/** What the receiver and its symbol thread say to each other. */

import type { ProcessRead, SymbolRead } from "../../ipc/messages.ts";
import type { FrameLine } from "../../mapping/profile.ts";
import type { Attribute } from "../../mapping/span.ts";

export interface SymbolThreadData {
  /** A stream to the broker; undefined: it asks its owner. */
  readonly channelFd: number | undefined;
}

export type SymbolAsk = SymbolRead | Extract<ProcessRead, { type: "memory" }>;

/** A mapping that frames point to. */
export interface ResolvedMapping {
  readonly start: number;
  readonly end: number;
  readonly fileOffset: number;
  readonly path: string;
  readonly attributes: readonly Attribute[];
}

export const FrameLife = {
  /** Files may have been mapped over others. */
  lasting: 120_000,
  /** Code of a runtime without a perf map, which is looked for again then. */
  unnamed: 5000,
  /** Code that a runtime may move or replace, at most so often that this is not seen; or an answer that did not come in time. */
  passing: 1000,
} as const;

export interface ResolvedFrame {
  /** Index in the answer's mappings; -1: none. */
  readonly mapping: number;
  /** profile.frame.type */
  readonly type: string;
  readonly lines: readonly FrameLine[];
  /** Why there is no name; undefined where there is one. */
  readonly reason: string | undefined;
  /** For how long it is true: a FrameLife. */
  readonly lifeMs: number;
}

export interface ResolvedProcess {
  readonly mappings: readonly ResolvedMapping[];
  /** In the order of the addresses. */
  readonly frames: readonly ResolvedFrame[];
}

export interface ResolveRequest {
  readonly kind: "resolve";
  readonly id: number;
  readonly deadlineMs: number;
  readonly processes: readonly { readonly tgid: number; readonly addresses: Float64Array }[];
  readonly kernelAddresses: BigUint64Array;
}

export type ToThread =
  | { readonly kind: "seen"; readonly tgid: number }
  | { readonly kind: "forked"; readonly tgid: number; readonly parentTgid: number }
  | { readonly kind: "executed"; readonly tgid: number }
  | { readonly kind: "exited"; readonly tgid: number }
  | ResolveRequest
  /** value undefined: the broker did not answer. */
  | { readonly kind: "answer"; readonly id: number; readonly value: unknown };

export type FromThread =
  | { readonly kind: "ready" }
  | { readonly kind: "ask"; readonly id: number; readonly request: SymbolAsk }
  | {
      readonly kind: "resolved";
      readonly id: number;
      readonly processes: readonly ResolvedProcess[];
      readonly kernelFrames: readonly ResolvedFrame[];
    };
