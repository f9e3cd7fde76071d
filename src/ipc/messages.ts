/**
 * Every message between broker and worker. The worker parses bytes of strangers, so the broker checks each request
 * against these schemas and answers an unknown one with an error; the worker trusts the broker.
 */
import { z } from "zod";
import type { LossCounter } from "../bpf/loss-reason.ts";
import type { MapDescriptor } from "../bpf/map.ts";
import type { ProcessFacts } from "./process-facts.ts";

/** Of one read of a process's files or memory. */
export const READ_LIMIT_BYTES = 1 << 20;

const tgid = z.int().positive().max(0x7fffffff);
const address = z.int().nonnegative();
const lengthBytes = z.int().positive().max(READ_LIMIT_BYTES);

/** A map update that the kernel refused to the unprivileged worker. Keys and values in base64. */
const mapWrite = z.strictObject({
  type: z.literal("map_write"),
  map: z.string().max(16),
  entries: z.array(z.strictObject({ key: z.base64(), value: z.base64() })).max(4096),
});

/** The worker parses what these bring; the broker and its reader only move bytes. */
const processRead = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("process_mappings"), tgid }),
  z.strictObject({ type: z.literal("process_threads"), tgid }),
  /** The file behind one mapping, named by the mapping: no path of the worker's choice is ever opened. */
  z.strictObject({ type: z.literal("mapped_file"), tgid, start: address, end: address, offset: address, lengthBytes }),
  z.strictObject({ type: z.literal("memory"), tgid, address, lengthBytes }),
]);
export type ProcessRead = z.output<typeof processRead>;

export const workerRequest = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("process_facts"), tgid }),
  z.strictObject({ type: z.literal("process_list") }),
  ...processRead.options,
  /** How the programs find this process's unit of work; no steps: not at all. */
  z.strictObject({
    type: z.literal("unit_steps"),
    tgid,
    unitKind: z.int().min(0).max(255),
    steps: z.array(z.strictObject({ kind: z.int().min(0).max(255), operand: z.int() })).max(16),
  }),
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
  process_list: readonly number[];
  /** Text of /proc/PID/maps; "" when the process is gone. */
  process_mappings: string;
  process_threads: readonly number[];
  /** Base64; short at the end of the file or where nothing is mapped. */
  mapped_file: string;
  memory: string;
  unit_steps: null;
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
