/**
 * Every message between broker and worker. The worker parses bytes of strangers, so the broker checks each request
 * against these schemas and answers an unknown one with an error; the worker trusts the broker.
 */
import { z } from "zod";
import type { LossCounter } from "../bpf/loss-reason.ts";
import type { MapDescriptor } from "../bpf/map.ts";
import type { ControlQuestion } from "./control.ts";
import type { ProcessFacts } from "./process-facts.ts";
import { READ_LIMIT_BYTES } from "./read-limit.ts";

const tgid = z.int().positive().max(0x7fffffff);
const address = z.int().nonnegative();
const lengthBytes = z.int().positive().max(READ_LIMIT_BYTES);

const offset16 = z.int().min(-0x8000).max(0xffff);

/** struct pool_site of bpf/control.h. */
const poolSite = z.strictObject({
  code: address,
  proof: address,
  codeOffset: offset16,
  jobOffset: offset16,
  proofOffset: offset16,
  proofHop: z.int().min(0).max(255),
  hopCount: z.int().min(0).max(10),
  hops: z.array(offset16).max(10),
  unitKind: z.int().min(0).max(255),
  nameText: z.int().min(0).max(255),
  name: z.array(z.int().min(0).max(0xffff_ffff)).max(4),
});

/** A map update that the kernel refuses to the unprivileged worker. Keys and values in base64. */
const mapWrite = z.strictObject({
  type: z.literal("map_write"),
  map: z.string().max(32),
  entries: z.array(z.strictObject({ key: z.base64(), value: z.base64() })).max(4096),
});

const u16 = z.int().min(0).max(0xffff);

/** struct go_layout, as far as user space knows it. */
const goLayout = z.strictObject({
  serveStartPc: address,
  writeLoopStartPc: address,
  readLoopStartPc: address,
  allGoroutines: address,
  allProcessors: address,
  goidCounter: address,
  libraryStart: address,
  libraryLength: address,
  http2Start: address,
  http2Length: address,
  xHttp2Start: address,
  xHttp2Length: address,
  http2CallStartPc: address,
  xHttp2CallStartPc: address,
  grpcStartPc: address,
  waitGroupAdd: address,
  waitGroupAddLength: address,
  goid: u16,
  parentGoid: u16,
  startPc: u16,
  processor: u16,
  goidCache: u16,
  receiveQueue: u16,
  sudogChannel: u16,
  writeRequest: u16,
  connection: u16,
  requestContext: u16,
  currentRequest: u16,
});

const pythonLayout = z.strictObject({
  workItemType: address,
  functionType: address,
  taskContext: u16,
  coroutineName: u16,
  functionHops: z.array(z.int().min(-0x8000).max(0x7fff)).max(2),
  siteHops: z.array(z.int().min(-1).max(0x7fff)).max(5),
  putsOff: u16,
  clients: z.array(poolSite).max(3),
});

const u8 = z.int().min(0).max(0xff);

const javaLayout = z.strictObject({
  heap: address,
  heapLength: address,
  oopBase: address,
  klassBase: address,
  collections: address,
  collects: address,
  tlsBlock: address,
  currentThread: address,
  futureTasks: z.array(address).max(1),
  asyncSupply: address,
  asyncRun: address,
  completableFuture: address,
  exchangeClasses: z.array(address).max(5),
  exchangeFields: z.array(u16).max(5),
  klass: u16,
  runner: u16,
  asyncFuture: u16,
  asyncFunction: u16,
  result: u16,
  futureSize: u16,
  threadObject: u16,
  mountedObject: u16,
  bufferStart: u16,
  bufferTop: u16,
  bufferEnd: u16,
  lastSp: u16,
  stackBase: u16,
  className: u16,
  symbolBody: u16,
  baseClass: u16,
  oopShift: u8,
  klassShift: u8,
  continuationEntry: u16,
  continuation: u16,
  mounts: z.int().min(0).max(0xffff_ffff),
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

/** A file that the reader has opened: it gives the names, and forgets them when it has to. */
const fileId = z.string().max(40);

/** What symbols are read from. The worker names processes and files that it was given, never a path. */
const symbolRead = z.discriminatedUnion("type", [
  /** Opens the files that the process executes, so that they can be read when it is gone. */
  z.strictObject({ type: z.literal("process_images"), tgid }),
  /** /tmp/perf-PID.map of the process's own mount namespace. */
  z.strictObject({ type: z.literal("perf_map"), tgid }),
  /**
   * The separate debug file of an image: by build id in the process's root and in ours, or by the name in
   * .gnu_debuglink beside the image. The worker checks that it is the right one.
   */
  z.strictObject({
    type: z.literal("debug_file"),
    tgid,
    image: fileId,
    buildId: z
      .string()
      .regex(/^(?:[0-9a-f]{2}){2,32}$/)
      .optional(),
    linkName: z
      .string()
      .max(255)
      .regex(/^(?!\.{1,2}$)[^/\0]+$/)
      .optional(),
  }),
  /** /proc/kallsyms. */
  z.strictObject({ type: z.literal("kernel_symbols") }),
  z.strictObject({ type: z.literal("file_read"), file: fileId, offset: address, lengthBytes }),
]);
export type SymbolRead = z.output<typeof symbolRead>;

export interface OpenedFile {
  readonly file: string;
  readonly sizeBytes: number;
  /** Device, inode, size and time of change: two files with the same are one. */
  readonly identity: string;
}

/** Why a file was not opened: `none`, `symlink`, `not_regular`, `other_owner`, `too_many_links`, `no_permission`. */
export interface RefusedFile {
  readonly refused: string;
}

export interface ProcessImages {
  /** The lines of /proc/PID/maps that are executable. */
  readonly mappings: string;
  /** By the start of their mappings, as in `mappings`. */
  readonly images: readonly ({ readonly start: string } & (OpenedFile | RefusedFile))[];
}

/** Of bpf/socket_trace.bpf.c: attached to a process when its runtime has the functions. */
export const UPROBE_PROGRAMS = [
  "go_close",
  "go_grpc_ask",
  "go_grpc_handler",
  "go_grpc_header",
  "go_grpc_put",
  "go_http2_handler",
  "go_receive",
  "go_release",
  "go_send",
  "java_freeze",
  "java_thaw",
  "node_await",
  "node_all_element",
  "node_await_all",
  "node_collect",
  "node_drain",
  "node_gen_await",
  "node_resume",
  "python_append",
  "python_context_copied",
  "python_context_freed",
  "python_submit",
  "python_greenlet",
  "python_room_asked",
  "python_task",
  "ruby_thread_ended",
  "ruby_thread_made",
  "tokio_spawn",
  "tokio_wake",
] as const;
export type UprobeProgram = (typeof UPROBE_PROGRAMS)[number];

/** A program at a place of a file that the process has mapped, named by the mapping as /proc/PID/maps gives it. */
const uprobe = z.strictObject({
  program: z.enum(UPROBE_PROGRAMS),
  start: address,
  end: address,
  /** Of an instruction's first byte, in the file. */
  offset: address,
});
export type UprobePlace = z.output<typeof uprobe>;

/** All that the process is to have. */
const uprobeRequest = z.strictObject({
  type: z.literal("attach_uprobes"),
  tgid,
  probes: z.array(uprobe).max(16),
});
export type UprobeRequest = z.output<typeof uprobeRequest>;

export const workerRequest = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("process_facts"), tgid }),
  z.strictObject({ type: z.literal("process_list") }),
  ...processRead.options,
  ...symbolRead.options,
  /** How the programs find this process's unit of work; no steps: not at all. */
  z.strictObject({
    type: z.literal("unit_steps"),
    tgid,
    unitKind: z.int().min(0).max(255),
    steps: z.array(z.strictObject({ kind: z.int().min(0).max(255), operand: z.int() })).max(16),
    pools: z.array(poolSite).max(4),
    /** enum process_flags */
    flags: z.int().min(0).max(0xffff_ffff),
    lockAddress: address,
    lockLength: address,
    go: goLayout.optional(),
    python: pythonLayout.optional(),
    java: javaLayout.optional(),
  }),
  uprobeRequest,
  /** Of a process that was to be told of its wake-ups, or has uprobes: it is gone, or runs something else. */
  z.strictObject({ type: z.literal("plan_over"), tgid }),
  z.strictObject({ type: z.literal("loss_counters") }),
  mapWrite,
  /** It can't keep up, or can again: it is to have less of the processors, or as much as it had. */
  z.strictObject({ type: z.literal("give_way"), isOn: z.boolean() }),
  /** The receiver drains and may be fed: programs are attached now. */
  z.strictObject({ type: z.literal("attach") }),
  z.strictObject({ type: z.literal("attach_profiler") }),
  z.strictObject({ type: z.literal("profile_loss_counters") }),
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
  /** null: the process is gone. */
  process_images: ProcessImages | null;
  perf_map: OpenedFile | RefusedFile;
  debug_file: OpenedFile | RefusedFile;
  kernel_symbols: OpenedFile | RefusedFile;
  /** Base64; "" when the file is not open any more. */
  file_read: string;
  unit_steps: null;
  plan_over: null;
  attach_uprobes: null;
  loss_counters: readonly LossCounter[];
  map_write: null;
  give_way: null;
  attach: Attachment;
  attach_profiler: ProfileAttachment;
  profile_loss_counters: readonly LossCounter[];
}

/** What was attached, and what this kernel lacks. */
export interface Attachment {
  readonly probes: readonly AttachedProbe[];
  readonly hookSet: { readonly sends: string; readonly receives: string };
  readonly missing: readonly { readonly feature: string; readonly cost: string }[];
}

export interface ProfileAttachment {
  readonly probes: readonly AttachedProbe[];
  /** What makes the samples: `cycles`, or the kernel's `cpu_clock`. */
  readonly clock: string;
  /** That are online. */
  readonly cpus: number;
}

/** The capture that the worker may map: descriptors are numbers of the worker's own table. */
export interface CaptureDescriptors {
  readonly ring: MapDescriptor;
  readonly maps: readonly MapDescriptor[];
}

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
      /** The profiler. */
      readonly profiler: CaptureDescriptors | undefined;
      /** Streams to the broker, one for each thread that has its own (stream-channel.ts). */
      readonly threadChannels: readonly number[];
    }
  | { readonly kind: "reply"; readonly id: number; readonly value: unknown }
  | { readonly kind: "error"; readonly id: number; readonly message: string }
  /** Somebody asks over the control socket. */
  | { readonly kind: "ask"; readonly id: number; readonly question: ControlQuestion }
  | { readonly kind: "shutdown" };

export type Hello = Extract<BrokerMessage, { kind: "hello" }>;

/** What the worker sends beside requests. `event` is for main: "ready", with what it shows. */
export const workerMessage = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("request"), id: z.int().nonnegative(), request: z.unknown() }),
  z.strictObject({ kind: z.literal("event"), name: z.string().max(64), value: z.unknown() }),
  z.strictObject({ kind: z.literal("answer"), id: z.int().nonnegative(), value: z.unknown() }),
]);
