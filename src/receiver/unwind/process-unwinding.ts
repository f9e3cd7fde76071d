/** Keeps BPF told of the executable mappings of the processes that are sampled, and of the tables of what they map. */
import { encodeProcessMappings, PROFILE_LAYOUT, type UnwindMapping } from "../../bpf/layout.gen.ts";
import type { ByteSource } from "../elf/byte-source.ts";
import { parseMappings } from "../runtimes/parse-mappings.ts";
import type { MemoryMapping } from "../runtimes/process-view.ts";
import { type ImageReader, isVdso } from "./image-reader.ts";
import type { UnwindImage } from "./image-table.ts";
import type { MappingTable } from "./mapping-table.ts";
import type { Range } from "./range-space.ts";
import { biasOf } from "./read-image.ts";

/** A search in BPF looks at 2^14. */
const MAPPING_LIMIT = 16_000;
const VDSO_LIMIT_BYTES = 64 * 1024;
/** How long a description holds when addresses come that it does not explain. */
const REREAD_AFTER_MS = [100, 300, 1000, 5000, 30_000] as const;

interface UnwindingAccess {
  /** Text of /proc/PID/maps; "" when the process is gone. */
  mappings(tgid: number): Promise<string>;
  file(tgid: number, mapping: MemoryMapping): ByteSource;
  memory(tgid: number, address: number, lengthBytes: number): Promise<Uint8Array>;
  /** Writes process_mappings. */
  describe(tgid: number, value: Uint8Array): Promise<unknown>;
}

interface ProcessUnwindingOptions {
  readonly access: UnwindingAccess;
  readonly mappings: MappingTable;
  readonly images: ImageReader;
  readonly now: () => number;
  /** After each reading: what a runtime is recognised by. */
  readonly onMappings?: (tgid: number, mappings: readonly MemoryMapping[]) => Promise<unknown>;
}

interface Entry {
  range: Range | undefined;
  images: (UnwindImage | undefined)[];
  isReading: boolean;
  reads: number;
  nextReadMs: number;
  isGone: boolean;
  recognised: Promise<unknown> | undefined;
}

export class ProcessUnwinding {
  readonly #options: ProcessUnwindingOptions;
  readonly #entries = new Map<number, Entry>();
  #generation = 0;
  /** Descriptions written. */
  described = 0;
  /** Processes that did not get one, for want of room. */
  refused = 0;
  /** Processes that are being described. */
  pending = 0;

  constructor(options: ProcessUnwindingOptions) {
    this.#options = options;
  }

  /** A sample came of a process that is not described, or that its description does not explain. */
  async missing(tgid: number): Promise<void> {
    const entry = this.#entries.get(tgid) ?? this.#add(tgid);
    if (entry.isReading || this.#options.now() < entry.nextReadMs) return;
    entry.isReading = true;
    this.pending++;
    try {
      await this.#read(tgid, entry);
    } catch {
      // The broker did not answer: the next sample asks again.
    } finally {
      entry.isReading = false;
      this.pending--;
      const waitMs = REREAD_AFTER_MS[Math.min(entry.reads, REREAD_AFTER_MS.length - 1)]!;
      entry.reads++;
      entry.nextReadMs = this.#options.now() + waitMs;
    }
  }

  /** All that is to be known of a process that runs already. */
  async describe(tgid: number): Promise<void> {
    await this.missing(tgid);
    await this.#entries.get(tgid)?.recognised;
  }

  exited(tgid: number): void {
    const entry = this.#entries.get(tgid);
    if (entry === undefined) return;
    entry.isGone = true;
    this.#entries.delete(tgid);
    this.#release(entry.range, entry.images);
  }

  #add(tgid: number): Entry {
    const entry: Entry = {
      range: undefined,
      images: [],
      isReading: false,
      reads: 0,
      nextReadMs: 0,
      isGone: false,
      recognised: undefined,
    };
    this.#entries.set(tgid, entry);
    return entry;
  }

  async #read(tgid: number, entry: Entry): Promise<void> {
    const { access, onMappings } = this.#options;
    const all = parseMappings(await access.mappings(tgid));
    if (entry.isGone || all.length === 0) return;
    entry.recognised = onMappings?.(tgid, all);
    await this.#describe(tgid, entry, all);
  }

  async #describe(tgid: number, entry: Entry, all: readonly MemoryMapping[]): Promise<void> {
    const { access, mappings: table } = this.#options;
    const executable = all.filter((mapping) => mapping.isExecutable).slice(0, MAPPING_LIMIT);
    const images: (UnwindImage | undefined)[] = [];
    for (const mapping of executable) images.push(await this.#image(tgid, mapping));
    if (entry.isGone) return;
    // Not 0, which is of no description.
    this.#generation = (this.#generation % 0xffff_ffff) + 1;
    const range = table.add(executable.map((mapping, index) => mappingOf(mapping, images[index], this.#generation)));
    if (range === undefined) {
      this.refused++;
      return;
    }
    const old = { range: entry.range, images: entry.images };
    entry.range = range;
    entry.images = images;
    images.forEach((image, index) => {
      image?.places.add(range.first + index);
    });
    try {
      await access.describe(tgid, describeBytes(range, this.#generation));
      this.described++;
    } finally {
      this.#release(old.range, old.images);
    }
  }

  #image(tgid: number, mapping: MemoryMapping): Promise<UnwindImage | undefined> {
    const { access, images } = this.#options;
    return images.find(mapping, async () => {
      if (!isVdso(mapping)) return access.file(tgid, mapping);
      const lengthBytes = Math.min(mapping.end - mapping.start, VDSO_LIMIT_BYTES);
      const bytes = await access.memory(tgid, mapping.start, lengthBytes);
      return { read: async (offset, length) => bytes.subarray(offset, offset + length) };
    });
  }

  #release(range: Range | undefined, images: readonly (UnwindImage | undefined)[]): void {
    if (range === undefined) return;
    images.forEach((image, index) => {
      image?.places.delete(range.first + index);
    });
    this.#options.mappings.remove(range);
  }
}

function mappingOf(mapping: MemoryMapping, image: UnwindImage | undefined, generation: number): UnwindMapping {
  const { start, end } = mapping;
  const bias = image === undefined ? undefined : biasOf(image.layout, mapping);
  const rows = bias === undefined || image === undefined ? { first: 0, count: 0 } : image.rows;
  return { start, end, bias: bias ?? 0, firstRow: rows.first, rowCount: rows.count, generation };
}

function describeBytes({ first, count }: Range, generation: number): Uint8Array {
  const bytes = new Uint8Array(PROFILE_LAYOUT.process_mappings.sizeBytes);
  encodeProcessMappings(new DataView(bytes.buffer), 0, { first, count, generation });
  return bytes;
}
