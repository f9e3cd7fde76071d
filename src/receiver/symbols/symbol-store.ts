/** Addresses of processes and of the kernel to frames. Knows no thread: questions to the broker go through `ask`. */
import type { OpenedFile, Replies } from "../../ipc/messages.ts";
import { readPieces } from "../../ipc/read-pieces.ts";
import { bufferedSource } from "../elf/buffered-source.ts";
import { DebugLines, type FoundLines } from "./debug-lines.ts";
import type { SizedSource } from "./elf-image.ts";
import { ElfImage, type ElfImageInput } from "./elf-image.ts";
import { ImageCache, type ImageOutcome } from "./image-cache.ts";
import { KernelSymbolReader, type KernelSymbols } from "./kernel-symbols.ts";
import { PerfMapFile } from "./perf-map-file.ts";
import { frame, ProcessAnswer } from "./process-answer.ts";
import { type CodeMapping, ProcessMap } from "./process-map.ts";
import { FrameLife, type ResolvedFrame, type ResolvedProcess, type SymbolAsk } from "./thread-message.ts";

const PROCESS_LIMIT = 8192;
const KEPT_AFTER_EXIT_MS = 10_000;
/** Libraries are mapped within milliseconds after the exec. */
const LOOK_AFTER_EXEC_MS = 15;
/** Between two looks at the mappings, when an address is in none of them. */
const FIRST_REFRESH_MS = 50;
const LAST_REFRESH_MS = 10_000;
/** Mappings may have changed under addresses that are known. */
const MAPPINGS_AGE_MS = 30_000;
const KERNEL_AGE_MS = 600_000;
const KERNEL_TEXT_LIMIT_BYTES = 64 << 20;
const KERNEL_PIECE_BYTES = 256 << 10;

interface SymbolStoreOptions {
  /** undefined: the broker did not answer. */
  readonly ask: <R extends SymbolAsk>(request: R) => Promise<Replies[R["type"]] | undefined>;
  readonly nowMs: () => number;
  /** The kernel maps the same one into every process. */
  readonly vdso: Uint8Array | undefined;
}

interface Process {
  readonly tgid: number;
  map: ProcessMap | undefined;
  looking: Promise<void> | undefined;
  lookedAtMs: number;
  refreshMs: number;
  perfMap: PerfMapFile | undefined;
  exitedAtMs: number | undefined;
  timer: NodeJS.Timeout | undefined;
}

export class SymbolStore {
  readonly #options: SymbolStoreOptions;
  readonly #processes = new Map<number, Process>();
  readonly #images: ImageCache;
  readonly #debugLines: DebugLines;
  #vdso: Promise<ElfImage | undefined> | undefined;
  #kernel: Promise<KernelSymbols | null> | undefined;
  #kernelReadAtMs = 0;

  constructor(options: SymbolStoreOptions) {
    this.#options = options;
    this.#images = new ImageCache(options.nowMs);
    this.#debugLines = new DebugLines(options.nowMs);
  }

  seen(tgid: number): void {
    if (!this.#processes.has(tgid)) void this.#look(this.#add(tgid));
  }

  /** Nothing is read: most children execute something else, and the others have what the parent has. */
  forked(tgid: number, parentTgid: number): void {
    const parent = this.#processes.get(parentTgid);
    const child = this.#add(tgid);
    child.map = parent?.map;
  }

  executed(tgid: number): void {
    const process = this.#add(tgid);
    process.timer = setTimeout(() => void this.#look(process), LOOK_AFTER_EXEC_MS);
  }

  exited(tgid: number): void {
    const process = this.#processes.get(tgid);
    if (process !== undefined) process.exitedAtMs = this.#options.nowMs();
  }

  /** Frames in the order of the addresses; what is not known by the deadline is without a name. */
  async resolve(tgid: number, addresses: Float64Array, deadlineMs: number): Promise<ResolvedProcess> {
    const process = this.#processes.get(tgid) ?? this.#add(tgid);
    await within(this.#refreshFor(process, addresses), deadlineMs - this.#options.nowMs());
    const outcomes = await this.#imagesFor(process, addresses, deadlineMs);
    const debug = new Map<string, FoundLines>();
    await within(this.#describe(process, addresses, outcomes, deadlineMs, debug), deadlineMs - this.#options.nowMs());
    const answer = new ProcessAnswer(process, outcomes, debug);
    if (addresses.some((address) => answer.isJit(address))) {
      await within(this.#perfMapOf(process).refresh(), deadlineMs - this.#options.nowMs());
    }
    return answer.resolve(addresses);
  }

  async resolveKernel(addresses: BigUint64Array, deadlineMs: number): Promise<ResolvedFrame[]> {
    if (addresses.length === 0) return [];
    const symbols = await within(this.#kernelSymbols(), deadlineMs - this.#options.nowMs());
    return Array.from(addresses, (address) => {
      const name = symbols?.nameAt(address);
      if (name !== undefined) return frame("kernel", -1, [{ functionName: name, fileName: undefined, lineNumber: 0 }]);
      // null: there are none; undefined: not yet.
      const reason = symbols === undefined ? "late" : symbols === null ? "kernel_symbols_hidden" : "no_symbol";
      return { ...frame("kernel", -1, []), reason, lifeMs: reason === "late" ? FrameLife.passing : FrameLife.lasting };
    });
  }

  #add(tgid: number): Process {
    const process: Process = {
      tgid,
      map: undefined,
      looking: undefined,
      lookedAtMs: Number.NEGATIVE_INFINITY,
      refreshMs: FIRST_REFRESH_MS,
      perfMap: undefined,
      exitedAtMs: undefined,
      timer: undefined,
    };
    this.#forget(tgid);
    if (this.#processes.size >= PROCESS_LIMIT) this.#forget(this.#processes.keys().next().value ?? 0);
    this.#processes.set(tgid, process);
    return process;
  }

  #forget(tgid: number): void {
    clearTimeout(this.#processes.get(tgid)?.timer);
    this.#processes.delete(tgid);
  }

  /** Call it every few seconds. */
  tidy(): void {
    this.#forgetGone();
    this.#images.tidy();
    this.#debugLines.tidy();
  }

  #forgetGone(): void {
    const before = this.#options.nowMs() - KEPT_AFTER_EXIT_MS;
    for (const { tgid, exitedAtMs } of this.#processes.values()) {
      if (exitedAtMs !== undefined && exitedAtMs < before) this.#forget(tgid);
    }
  }

  #look(process: Process): Promise<void> {
    clearTimeout(process.timer);
    process.looking ??= this.#readMap(process).finally(() => {
      process.looking = undefined;
    });
    return process.looking;
  }

  async #readMap(process: Process): Promise<void> {
    process.lookedAtMs = this.#options.nowMs();
    const images = await this.#options.ask({ type: "process_images", tgid: process.tgid });
    // What was known of a process that is gone stays true.
    if (images !== undefined && images !== null) process.map = new ProcessMap(images);
  }

  async #refreshFor(process: Process, addresses: Float64Array): Promise<void> {
    const age = this.#options.nowMs() - process.lookedAtMs;
    const isUnknown = process.map === undefined || addresses.some((a) => process.map?.mappingAt(a) === undefined);
    if (process.looking === undefined && age < (isUnknown ? process.refreshMs : MAPPINGS_AGE_MS)) return;
    if (isUnknown) process.refreshMs = Math.min(LAST_REFRESH_MS, process.refreshMs * 2);
    await this.#look(process);
  }

  /** By the files' identities. */
  async #imagesFor(process: Process, addresses: Float64Array, deadlineMs: number): Promise<Map<string, ImageOutcome>> {
    const wanted = new Map<string, CodeMapping>();
    for (const address of addresses) {
      const mapping = process.map?.mappingAt(address);
      if (mapping?.file !== undefined) wanted.set(mapping.file.identity, mapping);
      else if (mapping?.path === "[vdso]") wanted.set("[vdso]", mapping);
    }
    const found = new Map<string, ImageOutcome>();
    const loads = [...wanted].map(async ([identity, { file }]) => {
      const outcome = file === undefined ? await this.#vdsoImage() : await this.#image(process, file);
      found.set(identity, outcome);
      // The reader closes what is idle: the next look opens it again.
      if ("reason" in outcome && outcome.reason === "file_closed") process.lookedAtMs = Number.NEGATIVE_INFINITY;
    });
    await within(Promise.all(loads), deadlineMs - this.#options.nowMs());
    return found;
  }

  async #image(process: Process, file: OpenedFile): Promise<ImageOutcome> {
    const { source, findDebugFile } = this.#input(process, file);
    return await this.#images.get(file, source, findDebugFile);
  }

  #input(process: Process, file: OpenedFile): ElfImageInput {
    return {
      source: this.#source(file),
      findDebugFile: async (query) => {
        const opened = await this.#options.ask({
          type: "debug_file",
          tgid: process.tgid,
          image: file.file,
          ...(query.buildId === undefined ? {} : { buildId: query.buildId }),
          ...(query.linkName === undefined ? {} : { linkName: query.linkName }),
        });
        return opened !== undefined && "file" in opened ? this.#source(opened) : undefined;
      },
    };
  }

  /**
   * Lines and inlined functions, for images that have debug information.
   * @param found by the files' identities; grows while this goes on
   */
  async #describe(
    process: Process,
    addresses: Float64Array,
    outcomes: ReadonlyMap<string, ImageOutcome>,
    deadlineMs: number,
    found: Map<string, FoundLines>,
  ): Promise<void> {
    const wanted = new Map<OpenedFile, { readonly image: ElfImage; readonly addresses: number[] }>();
    for (const address of addresses) {
      const mapping = process.map?.mappingAt(address);
      const outcome = mapping?.file === undefined ? undefined : outcomes.get(mapping.file.identity);
      if (mapping?.file === undefined || outcome === undefined || "reason" in outcome) continue;
      const inFile = outcome.image.debugAddress(address - mapping.start + mapping.fileOffset);
      if (inFile === undefined) continue;
      const list = wanted.get(mapping.file);
      if (list === undefined) wanted.set(mapping.file, { image: outcome.image, addresses: [inFile] });
      else list.addresses.push(inFile);
    }
    const jobs = [...wanted].map(async ([file, { image, addresses }]) => {
      const open = () => image.openDebugInfo(this.#input(process, file));
      const lines = await this.#debugLines.find(file.identity, open, addresses, deadlineMs);
      found.set(file.identity, new Map([...(found.get(file.identity) ?? []), ...lines]));
    });
    await Promise.all(jobs);
  }

  async #vdsoImage(): Promise<ImageOutcome> {
    const { vdso } = this.#options;
    if (vdso === undefined) return { reason: "vdso_unreadable" };
    this.#vdso ??= ElfImage.read({
      source: {
        sizeBytes: vdso.length,
        read: (offset, lengthBytes) => Promise.resolve(vdso.subarray(offset, offset + lengthBytes)),
      },
      findDebugFile: () => Promise.resolve(undefined),
    }).catch(() => undefined);
    const image = await this.#vdso;
    return image === undefined ? { reason: "vdso_unreadable" } : { image };
  }

  #source({ file, sizeBytes }: OpenedFile): SizedSource {
    return { sizeBytes, ...bufferedSource({ read: (offset, lengthBytes) => this.#read(file, offset, lengthBytes) }) };
  }

  #read(file: string, offset: number, lengthBytes: number): Promise<Uint8Array> {
    return readPieces(offset, lengthBytes, (at, wanted) =>
      this.#options.ask({ type: "file_read", file, offset: at, lengthBytes: wanted }),
    );
  }

  #perfMapOf(process: Process): PerfMapFile {
    process.perfMap ??= new PerfMapFile({
      open: async () => (await this.#options.ask({ type: "perf_map", tgid: process.tgid })) ?? { refused: "no_answer" },
      read: (file, offset, lengthBytes) => this.#read(file, offset, lengthBytes),
      nowMs: this.#options.nowMs,
    });
    return process.perfMap;
  }

  /** Takes a while, so it is well begun before the first sample. */
  prepareKernelSymbols(): void {
    void this.#kernelSymbols();
  }

  #kernelSymbols(): Promise<KernelSymbols | null> {
    const nowMs = this.#options.nowMs();
    if (this.#kernel === undefined || nowMs - this.#kernelReadAtMs > KERNEL_AGE_MS) {
      this.#kernelReadAtMs = nowMs;
      this.#kernel = this.#readKernel().catch(() => null);
    }
    return this.#kernel;
  }

  async #readKernel(): Promise<KernelSymbols | null> {
    const opened = await this.#options.ask({ type: "kernel_symbols" });
    if (opened === undefined || "refused" in opened) return null;
    const reader = new KernelSymbolReader();
    for (let offset = 0; offset < KERNEL_TEXT_LIMIT_BYTES; ) {
      const piece = await this.#read(opened.file, offset, KERNEL_PIECE_BYTES);
      reader.append(piece);
      offset += piece.length;
      if (piece.length < KERNEL_PIECE_BYTES) break;
    }
    return reader.finish() ?? null;
  }
}

/** What does not come in time goes on by itself, and is there the next time. */
async function within<T>(job: Promise<T>, limitMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), Math.max(0, limitMs));
  });
  try {
    return await Promise.race([job, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
