/**
 * Every message between broker and worker. The worker parses bytes of strangers, so the broker checks each request
 * against these schemas and answers an unknown one with an error; the worker trusts the broker.
 */
import { z } from "zod";
import type { LossCounter } from "../bpf/loss-reason.ts";
import type { MapDescriptor } from "../bpf/map.ts";
import type { ProcessFacts } from "./process-facts.ts";

const tgid = z.int().positive().max(0x7fffffff);

/** A map update that the kernel refused to the unprivileged worker. Keys and values in base64. */
const mapWrite = z.strictObject({
  type: z.literal("map_write"),
  map: z.string().max(16),
  entries: z.array(z.strictObject({ key: z.base64(), value: z.base64() })).max(4096),
});

export const workerRequest = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("process_facts"), tgid }),
  z.strictObject({ type: z.literal("loss_counters") }),
  mapWrite,
  /** The receiver drains and may be fed: programs are attached now. */
  z.strictObject({ type: z.literal("attach") }),
]);
export type WorkerRequest = z.output<typeof workerRequest>;

export interface AttachedProbe {
  readonly program: string;
  /** `tp_btf/sock_recv_length`. */
  readonly section: string;
}

/** What each request is answered with. */
export interface Replies {
  process_facts: ProcessFacts | null;
  loss_counters: readonly LossCounter[];
  map_write: null;
  attach: Attachment;
}

/** What was attached, and what this kernel lacks. */
export interface Attachment {
  readonly probes: readonly AttachedProbe[];
  readonly hookSet: { readonly sends: string; readonly receives: string };
  readonly missing: readonly { readonly feature: string; readonly cost: string }[];
}

/** The capture that the worker may map: descriptors are numbers of the worker's own table. */
export interface CaptureDescriptors {
  readonly ring: MapDescriptor;
  readonly maps: readonly MapDescriptor[];
}

export type RequestMessage = { readonly kind: "request"; readonly id: number; readonly request: WorkerRequest };

export type BrokerMessage =
  | {
      readonly kind: "hello";
      readonly brokerPid: number;
      /** Whatever main gave for the worker: configuration, version. */
      readonly settings: unknown;
      /** Configured files that the broker opened: path to descriptor. */
      readonly files: Readonly<Record<string, number>>;
      readonly user: { readonly uid: number; readonly gid: number } | undefined;
      readonly bootId: string;
      readonly ownTgids: readonly number[];
      readonly capture: CaptureDescriptors | undefined;
    }
  | { readonly kind: "reply"; readonly id: number; readonly value: unknown }
  | { readonly kind: "error"; readonly id: number; readonly message: string }
  | { readonly kind: "reload"; readonly settings: unknown }
  | { readonly kind: "shutdown" };

export type Hello = Extract<BrokerMessage, { kind: "hello" }>;

/** What the worker sends beside requests. `event` is for main: "ready", with what it shows. */
export const workerMessage = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("request"), id: z.int().nonnegative(), request: z.unknown() }),
  z.strictObject({ kind: z.literal("event"), name: z.string().max(64), value: z.unknown() }),
]);
