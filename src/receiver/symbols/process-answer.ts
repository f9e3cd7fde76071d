/** The frames of one process's addresses, from all that was found for them. */
import type { FoundLines } from "./debug-lines.ts";
import type { ImageOutcome } from "./image-cache.ts";
import { jitName } from "./jit-name.ts";
import type { PerfMapFile } from "./perf-map-file.ts";
import type { CodeMapping, ProcessMap } from "./process-map.ts";
import { FrameLife, type ResolvedFrame, type ResolvedMapping, type ResolvedProcess } from "./thread-message.ts";

interface KnownProcess {
  readonly map: ProcessMap | undefined;
  readonly perfMap: PerfMapFile | undefined;
}

export class ProcessAnswer {
  readonly #process: KnownProcess;
  readonly #outcomes: ReadonlyMap<string, ImageOutcome>;
  readonly #debug: ReadonlyMap<string, FoundLines>;
  readonly #mappings: ResolvedMapping[] = [];
  readonly #indexes = new Map<CodeMapping, number>();

  constructor(
    process: KnownProcess,
    outcomes: ReadonlyMap<string, ImageOutcome>,
    debug: ReadonlyMap<string, FoundLines>,
  ) {
    this.#process = process;
    this.#outcomes = outcomes;
    this.#debug = debug;
  }

  /** Code that a runtime made: memory without a file, or in a file that is no program (a memfd). */
  isJit(address: number): boolean {
    const mapping = this.#process.map?.mappingAt(address);
    return mapping !== undefined && isJitMapping(mapping, this.#outcomeOf(mapping));
  }

  resolve(addresses: Float64Array): ResolvedProcess {
    const frames = Array.from(addresses, (address) => this.#frameAt(address));
    return { mappings: this.#mappings, frames };
  }

  #outcomeOf(mapping: CodeMapping): ImageOutcome | undefined {
    return this.#outcomes.get(mapping.file?.identity ?? mapping.path);
  }

  #frameAt(address: number): ResolvedFrame {
    const { map } = this.#process;
    if (map === undefined) return { ...frame("native", -1, []), reason: "process_gone", lifeMs: FrameLife.passing };
    const mapping = map.mappingAt(address);
    if (mapping === undefined) return { ...frame("native", -1, []), reason: "no_mapping", lifeMs: FrameLife.passing };
    const outcome = this.#outcomeOf(mapping);
    if (isJitMapping(mapping, outcome)) return this.#jitFrame(address, map.runtime);
    if (outcome === undefined || "reason" in outcome) {
      const reason = outcome?.reason ?? mapping.refused ?? "late";
      // A later look may open the file again.
      const lifeMs = outcome?.reason === "not_elf" ? FrameLife.lasting : FrameLife.passing;
      return { ...frame("native", this.#index(mapping, []), []), reason, lifeMs };
    }
    const { image } = outcome;
    const fileOffset = address - mapping.start + mapping.fileOffset;
    const inFile = image.debugAddress(fileOffset);
    const debug = inFile === undefined ? [] : this.#debug.get(mapping.file?.identity ?? "")?.get(inFile);
    const { type, lines } = image.frameAt(fileOffset, debug);
    // Debug information that was not read in time is there the next time.
    const lifeMs = debug === undefined ? FrameLife.passing : FrameLife.lasting;
    const found = { ...frame(type, this.#index(mapping, image.attributes), lines), lifeMs };
    return lines.length > 0 ? found : { ...found, reason: "no_symbol" };
  }

  #jitFrame(address: number, runtime: string): ResolvedFrame {
    const { perfMap } = this.#process;
    const name = perfMap?.find(address);
    if (name !== undefined) {
      const { type, line } = jitName(name);
      return { ...frame(type ?? runtime, -1, [line]), lifeMs: FrameLife.passing };
    }
    const line = { functionName: "[JIT]", fileName: undefined, lineNumber: 0 };
    const lifeMs = perfMap?.isMissing === true ? FrameLife.unnamed : FrameLife.passing;
    return { ...frame(runtime, -1, [line]), reason: perfMap?.reason ?? "late", lifeMs };
  }

  #index(mapping: CodeMapping, attributes: ResolvedMapping["attributes"]): number {
    let index = this.#indexes.get(mapping);
    if (index === undefined) {
      const { start, end, fileOffset, path } = mapping;
      index = this.#mappings.push({ start, end, fileOffset, path, attributes }) - 1;
      this.#indexes.set(mapping, index);
    }
    return index;
  }
}

function isJitMapping({ path, file, refused }: CodeMapping, outcome: ImageOutcome | undefined): boolean {
  if (file !== undefined) return outcome !== undefined && "reason" in outcome && outcome.reason === "not_elf";
  return (
    refused === undefined && (path === "" || path.startsWith("[anon") || path.startsWith("//") || path === "[heap]")
  );
}

export function frame(type: string, mapping: number, lines: ResolvedFrame["lines"]): ResolvedFrame {
  return { type, mapping, lines, reason: undefined, lifeMs: FrameLife.lasting };
}
