/** Answers what the worker asks. Requests were checked against their schema; their sense is checked here. */
import { ProcessFlags } from "../bpf/layout.gen.ts";
import type { BpfMap } from "../bpf/map.ts";
import type { Attachment, ProfileAttachment, Replies, WorkerRequest } from "../ipc/messages.ts";
import type { Capture } from "./capture/capture.ts";
import type { ProcessControls } from "./capture/process-controls.ts";
import type { ProfileCapture } from "./capture/profile-capture.ts";
import type { Uprobes } from "./capture/uprobes.ts";
import { WakeWatch } from "./capture/wake-watch.ts";
import { listProcesses } from "./reader/process-reads.ts";
import type { ReaderClient } from "./reader/reader-client.ts";
import type { WorkerPriority } from "./worker-priority.ts";

/** The worker may write verdicts, and how stacks are unwound: other maps steer what the programs tell. */
const CAPTURE_MAPS: readonly string[] = ["socket_verdicts", "verdict_generations", "framings"];
const PROFILER_MAPS: readonly string[] = [
  "process_mappings",
  "interpreters",
  "script_engines",
  "java_engines",
  "thread_contexts",
];

interface RequestHandlerOptions {
  readonly capture: Capture | undefined;
  readonly profiler: ProfileCapture | undefined;
  /** Of each of the two that there is. */
  readonly controls: readonly ProcessControls[];
  readonly reader: ReaderClient;
  readonly uprobes: Uprobes | undefined;
  readonly priority: WorkerPriority;
}

export class RequestHandler {
  readonly #options: RequestHandlerOptions;
  readonly #wakes: WakeWatch | undefined;
  #attachment: Attachment | undefined;
  #profileAttachment: ProfileAttachment | undefined;

  constructor(options: RequestHandlerOptions) {
    this.#options = options;
    this.#wakes = options.capture && new WakeWatch(options.capture);
  }

  get attachment(): Attachment | undefined {
    return this.#attachment;
  }

  get profileAttachment(): ProfileAttachment | undefined {
    return this.#profileAttachment;
  }

  async answer(request: WorkerRequest): Promise<Replies[WorkerRequest["type"]]> {
    const { capture, profiler, controls, reader, uprobes } = this.#options;
    switch (request.type) {
      case "process_facts": {
        const facts = await reader.processFacts(request.tgid);
        if (facts !== null) for (const each of controls) each.apply(facts);
        return facts;
      }
      case "process_list":
        return listProcesses();
      case "process_mappings":
      case "mapped_file":
      case "memory":
        return (await reader.read(request)) ?? "";
      case "process_threads":
        return (await reader.read(request)) ?? [];
      case "process_images":
        return await reader.read(request);
      case "perf_map":
      case "debug_file":
      case "kernel_symbols":
        return (await reader.read(request)) ?? { refused: "reader_lost" };
      case "file_read":
        return (await reader.read(request)) ?? "";
      case "unit_steps":
        for (const each of controls) {
          if (!each.setPlan(request.tgid, request)) continue;
          if (request.flags & ProcessFlags.wakes) this.#wakes?.begin(request.tgid);
          else this.#wakes?.end(request.tgid);
        }
        return null;
      case "attach_uprobes":
        if (uprobes === undefined) throw new Error("nothing is captured");
        await uprobes.attach(request, await mappingsOf(reader, request.tgid));
        return null;
      case "plan_over":
        uprobes?.detach(request.tgid);
        this.#wakes?.end(request.tgid);
        return null;
      case "loss_counters":
        return capture?.lossCounters() ?? [];
      case "attach":
        if (capture === undefined) throw new Error("nothing is captured");
        this.#attachment = capture.attach();
        return this.#attachment;
      case "attach_profiler":
        if (profiler === undefined) throw new Error("nothing is sampled");
        this.#profileAttachment = profiler.attach();
        return this.#profileAttachment;
      case "profile_loss_counters":
        return profiler?.lossCounters() ?? [];
      case "give_way":
        this.#options.priority.giveWay(request.isOn);
        return null;
      case "map_write":
        write(this.#writableMap(request.map), request.entries);
        return null;
    }
  }

  #writableMap(name: string): BpfMap {
    const { capture, profiler } = this.#options;
    const owner = CAPTURE_MAPS.includes(name) ? capture : PROFILER_MAPS.includes(name) ? profiler : undefined;
    if (owner === undefined) throw new Error(`no map ${name}`);
    return owner.map(name);
  }
}

async function mappingsOf(reader: ReaderClient, tgid: number): Promise<string> {
  return String((await reader.read({ type: "process_mappings", tgid })) ?? "");
}

function write(map: BpfMap, entries: readonly { key: string; value: string }[]): void {
  map.setBatch(
    Buffer.concat(entries.map(({ key }) => Buffer.from(key, "base64"))),
    Buffer.concat(entries.map(({ value }) => Buffer.from(value, "base64"))),
  );
}
