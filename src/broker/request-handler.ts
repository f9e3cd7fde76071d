/** Answers what the worker asks. Requests were checked against their schema; their sense is checked here. */
import type { BpfMap } from "../bpf/map.ts";
import type { Attachment, Replies, WorkerRequest } from "../ipc/messages.ts";
import type { Capture } from "./capture.ts";
import type { ProcessControls } from "./process-controls.ts";
import { listProcesses } from "./process-reads.ts";
import type { ReaderClient } from "./reader-client.ts";

/** The worker may only write verdicts: other maps steer what the programs read. */
const WRITABLE_MAPS: readonly string[] = ["socket_verdicts", "verdict_generations"];

export interface RequestHandlerOptions {
  readonly capture: Capture | undefined;
  readonly controls: ProcessControls | undefined;
  readonly reader: ReaderClient;
}

export class RequestHandler {
  readonly #options: RequestHandlerOptions;
  #attachment: Attachment | undefined;

  constructor(options: RequestHandlerOptions) {
    this.#options = options;
  }

  get attachment(): Attachment | undefined {
    return this.#attachment;
  }

  async answer(request: WorkerRequest): Promise<Replies[WorkerRequest["type"]]> {
    const { capture, controls, reader } = this.#options;
    switch (request.type) {
      case "process_facts": {
        const facts = await reader.processFacts(request.tgid);
        if (facts !== null) controls?.apply(facts);
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
        controls?.setSteps(request.tgid, request.unitKind, request.steps, request.pools);
        return null;
      case "loss_counters":
        return capture?.lossCounters() ?? [];
      case "attach":
        if (capture === undefined) throw new Error("nothing is captured");
        this.#attachment = capture.attach();
        return this.#attachment;
      case "map_write":
        if (capture === undefined || !WRITABLE_MAPS.includes(request.map)) throw new Error(`no map ${request.map}`);
        write(capture.map(request.map), request.entries);
        return null;
    }
  }
}

function write(map: BpfMap, entries: readonly { key: string; value: string }[]): void {
  map.setBatch(
    Buffer.concat(entries.map(({ key }) => Buffer.from(key, "base64"))),
    Buffer.concat(entries.map(({ value }) => Buffer.from(value, "base64"))),
  );
}
