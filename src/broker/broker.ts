/**
 * The privileged process: loads and attaches the programs, reads /proc, starts the worker and answers it. It parses
 * nothing that a stranger wrote.
 */
import { closeSync, openSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { BpfMap, MapDescriptor } from "../bpf/map.ts";
import { CONTROL_FOLDER, type ControlQuestion } from "../ipc/control.ts";
import type { BpfAnswer, StatAnswer, WorkerStatAnswer } from "../ipc/control-answers.ts";
import type {
  Attachment,
  BrokerMessage,
  CaptureDescriptors,
  ProfileAttachment,
  WorkerRequest,
} from "../ipc/messages.ts";
import type { ProfileConfig } from "../ipc/profile-config.ts";
import type { SocketTraceConfig } from "../ipc/socket-trace-config.ts";
import type { Log } from "../log.ts";
import { Capture } from "./capture/capture.ts";
import { ProcessControls } from "./capture/process-controls.ts";
import { ProfileCapture } from "./capture/profile-capture.ts";
import { Uprobes } from "./capture/uprobes.ts";
import { ControlSocket } from "./control-socket.ts";
import { FileNotOpenedError, WorkerFailedError } from "./error.ts";
import { ReaderClient } from "./reader/reader-client.ts";
import { RequestHandler } from "./request-handler.ts";
import { Resources } from "./resources.ts";
import { resolveUser } from "./user.ts";
import { WorkerPriority } from "./worker-priority.ts";
import { inheritedAs, inheritedFd, WorkerProcess } from "./worker-process.ts";

const READ_TIMEOUT_MS = 2000;
const READER_ENTRY = fileURLToPath(new URL("./reader/reader.js", import.meta.url));
/** The ring buffer, and the maps that the worker may use by itself where the kernel lets it. */
const CAPTURE_MAPS: readonly string[] = [
  "socket_data",
  "loss_counters",
  "capture_pause",
  "socket_verdicts",
  "verdict_generations",
  "framings",
];
const PROFILER_MAPS: readonly string[] = ["stack_samples", "unwind_rows", "unwind_mappings"];
/** The profiler's thread, and the symbolizer's. */
const THREAD_CHANNELS = 2;

interface BrokerOptions {
  /** socket_trace.bpf.o */
  readonly objectPath: string;
  /** undefined: nothing is captured, nothing is loaded. */
  readonly socketTrace: SocketTraceConfig | undefined;
  /** perf_profiler.bpf.o */
  readonly profilerPath: string;
  /** undefined: nothing is sampled, nothing is loaded for it. */
  readonly profile: ProfileConfig | undefined;
  /** Compiled entry file of the worker. */
  readonly workerEntry: string;
  readonly workerNodeArguments?: readonly string[];
  /** Opaque to the broker: the worker finds it in its hello. */
  readonly workerSettings: unknown;
  /** A name or `uid:gid`; undefined: the worker keeps its user (not root anyway). */
  readonly user: string | undefined;
  /** Files that the configuration names, opened here for appending and inherited by the worker. */
  readonly files: readonly string[];
  /** Where the control socket is made. Default /run/sockspan. */
  readonly controlFolder?: string;
  readonly log: Log;
  /** The worker says something to main: `ready`. */
  readonly onWorkerEvent?: (name: string, value: unknown) => void;
}

interface WorkerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Broker {
  readonly workerPid: number;
  /** Empty until the worker has asked for it. */
  readonly attachment: Attachment | undefined;
  readonly profileAttachment: ProfileAttachment | undefined;
  /** When the worker ends, whatever the reason. */
  readonly workerExit: Promise<WorkerExit>;
  /** Detaches, lets the worker drain, and frees everything. Told again, it goes on as it was told first. */
  stop(drainTimeoutMs: number): Promise<WorkerExit>;
}

/** @throws SockspanError: no BTF, no libbpf, not permitted, a program refused, a file that can't be opened */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  using resources = new Resources();
  const user = options.user === undefined ? undefined : resolveUser(options.user);
  const files = openFiles(options.files, resources);
  const { capture, profiler } = loadPrograms(options, resources);
  const controls = controlsOf([
    [capture, options.socketTrace],
    [profiler, options.profile],
  ]);
  const excludeOwn = (tgid: number) => {
    for (const each of controls) each.excludeOwn(tgid);
  };
  const reader = new ReaderClient({
    entry: READER_ENTRY,
    timeoutMs: READ_TIMEOUT_MS,
    onStart: excludeOwn,
    onHang: (tgid) => options.log.warn("reading a process hung, its facts are left out", { tgid }),
  });
  resources.defer(() => reader.stop());
  const uprobes =
    capture === undefined
      ? undefined
      : new Uprobes(options.socketTrace?.uprobes === "auto", (...place) => capture.attachUprobe(...place));
  const priority = new WorkerPriority();
  const handler = new RequestHandler({ capture, profiler, controls, reader, uprobes, priority });

  const inheritance = inheritanceOf(capture, profiler, files);
  const { worker, workerExit } = spawnWorker(options, inheritance, handler);
  const workerPid = worker.pid;
  if (workerPid === undefined) throw new WorkerFailedError("it could not be spawned");
  resources.defer(() => worker.kill("SIGKILL"));
  priority.follow(workerPid);
  for (const tgid of [process.pid, workerPid]) excludeOwn(tgid);

  worker.send({
    kind: "hello",
    brokerPid: process.pid,
    settings: options.workerSettings,
    user,
    bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    ownTgids: [...new Set(controls.flatMap((each) => each.ownTgids))],
    ...inheritance.named,
  } satisfies BrokerMessage);

  const control = await openControl(options, (question) => answerControl(question, worker, [capture, profiler]));
  if (control !== undefined) resources.defer(() => control.close());

  const owned = resources.move();
  void workerExit.then(() => owned[Symbol.dispose]());
  return {
    workerPid,
    workerExit,
    get attachment() {
      return handler.attachment;
    },
    get profileAttachment() {
      return handler.profileAttachment;
    },
    stop: once((drainTimeoutMs) => {
      capture?.detach();
      profiler?.detach();
      worker.send({ kind: "shutdown" });
      const timer = setTimeout(() => worker.kill("SIGKILL"), drainTimeoutMs);
      return workerExit.finally(() => clearTimeout(timer));
    }),
  };
}

function loadPrograms({ socketTrace, objectPath, profile, profilerPath }: BrokerOptions, resources: Resources) {
  return {
    capture: socketTrace && resources.use(Capture.load({ objectPath, config: socketTrace })),
    profiler: profile && resources.use(ProfileCapture.load({ objectPath: profilerPath, config: profile })),
  };
}

/** What the worker finds open when it starts, and the numbers by which it is told of them. */
function inheritanceOf(
  capture: Capture | undefined,
  profiler: ProfileCapture | undefined,
  files: ReadonlyMap<string, number>,
) {
  const captureMaps = descriptorsOf(capture, CAPTURE_MAPS);
  const profilerMaps = descriptorsOf(profiler, PROFILER_MAPS);
  const maps = [...captureMaps, ...profilerMaps];
  const descriptors = [...maps.map(({ fd }) => fd), ...files.values()];
  const threadChannels = profiler === undefined ? 0 : THREAD_CHANNELS;
  return {
    descriptors,
    named: {
      capture: inWorker(captureMaps, 0),
      profiler: inWorker(profilerMaps, captureMaps.length),
      files: Object.fromEntries([...files.keys()].map((path, i) => [path, inheritedFd(maps.length + i)])),
      threadChannels: Array.from({ length: threadChannels }, (_, i) => inheritedFd(descriptors.length + i)),
    },
  };
}

function spawnWorker(
  { workerEntry, workerNodeArguments, onWorkerEvent, log }: BrokerOptions,
  { descriptors, named }: ReturnType<typeof inheritanceOf>,
  handler: RequestHandler,
): { worker: WorkerProcess; workerExit: Promise<WorkerExit> } {
  const { promise: workerExit, resolve: onExit } = withResolvers<WorkerExit>();
  const worker = new WorkerProcess({
    entry: workerEntry,
    nodeArguments: workerNodeArguments ?? [],
    inherited: descriptors,
    threadChannels: named.threadChannels.length,
    answer: (request: WorkerRequest) => handler.answer(request),
    onEvent: (name, value) => onWorkerEvent?.(name, value),
    onExit: (code, signal) => onExit({ code, signal }),
    onBadMessage: (reason) => log.warn("the worker sent something that is no message of ours", { reason }),
  });
  return { worker, workerExit };
}

/** Told again, it goes on as it was told first. */
function once<Argument, Result>(action: (argument: Argument) => Result): (argument: Argument) => Result {
  let first: { readonly result: Result } | undefined;
  return (argument) => {
    first ??= { result: action(argument) };
    return first.result;
  };
}

/** Only this process knows its descriptors, and what it costs itself. */
async function answerControl(
  question: ControlQuestion,
  worker: WorkerProcess,
  captures: readonly (Capture | ProfileCapture | undefined)[],
): Promise<unknown> {
  const { pid } = process;
  if (question.ask === "bpf") {
    const programs = captures.flatMap((each) => each?.programInfo ?? []);
    return { pid, programs, maps: captures.flatMap((each) => each?.mapInfo ?? []) } satisfies BpfAnswer;
  }
  const answer = await worker.ask(question);
  if (question.ask !== "stat") return answer;
  const { user, system } = process.cpuUsage();
  return { ...(answer as WorkerStatAnswer), pid, brokerCpuUs: user + system } satisfies StatAnswer;
}

/** Without it sockspan runs all the same: nobody can ask it. */
async function openControl(
  { controlFolder = CONTROL_FOLDER, log }: BrokerOptions,
  answer: (question: ControlQuestion) => Promise<unknown>,
): Promise<ControlSocket | undefined> {
  try {
    return await ControlSocket.open({ folder: controlFolder, answer });
  } catch (error) {
    log.warn("`sockspan explain`, `stat` and `watch` can't ask this process", {
      folder: controlFolder,
      error: String(error),
    });
    return undefined;
  }
}

interface HasMaps {
  map(name: string): BpfMap;
}

function controlsOf(
  captures: readonly (readonly [HasMaps | undefined, SocketTraceConfig | ProfileConfig | undefined])[],
): ProcessControls[] {
  return captures.flatMap(([capture, config]) =>
    capture === undefined || config === undefined ? [] : [new ProcessControls(capture.map("processes"), config)],
  );
}

function descriptorsOf(capture: HasMaps | undefined, names: readonly string[]): MapDescriptor[] {
  return capture === undefined ? [] : names.map((name) => capture.map(name).descriptor);
}

/** @param descriptors the ring buffer's first */
function inWorker(descriptors: readonly MapDescriptor[], firstIndex: number): CaptureDescriptors | undefined {
  const [ring, ...maps] = inheritedAs(descriptors, firstIndex);
  return ring === undefined ? undefined : { ring, maps };
}

function openFiles(paths: readonly string[], resources: Resources): Map<string, number> {
  const files = new Map<string, number>();
  for (const path of new Set(paths)) {
    let fd: number;
    try {
      fd = openSync(path, "a", 0o644);
    } catch (cause) {
      throw new FileNotOpenedError(path, { cause });
    }
    resources.defer(() => closeSync(fd));
    files.set(path, fd);
  }
  return files;
}

/** Promise.withResolvers, which Node 20 does not have. */
function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
