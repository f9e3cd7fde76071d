/** The contexts that SDKs publish in the processes that are sampled: where BPF finds a thread's, and what a process says of itself. */

import { encodeThreadContextPlace, PROFILE_LAYOUT } from "../../bpf/layout.gen.ts";
import { makeRoom } from "../../make-room.ts";
import type { Attribute } from "../../mapping/span.ts";
import { type ByteSource, isReadable } from "../elf/byte-source.ts";
import { readElf } from "../elf/elf-file.ts";
import { parseMappings } from "../runtimes/parse-mappings.ts";
import type { MemoryMapping } from "../runtimes/process-view.ts";
import { biasOf, type ImageLayout, layoutOf } from "../unwind/read-image.ts";
import { contextMappings, type ProcessContext, readProcessContext } from "./process-context.ts";
import { nameThreadAttributes, readThreadAttributes } from "./thread-attributes.ts";
import { type ContextVariable, findContextVariable, placeOf } from "./thread-context-place.ts";

const PROCESS_LIMIT = 8192;
const IMAGE_LIMIT = 8192;
/** An SDK starts some time after its program; what it publishes may change. */
const LOOK_AGAIN_AFTER_MS = [1000, 4000, 15_000, 60_000] as const;
const MUSL = /\/(?:ld-musl-|libc\.musl-)/;

interface OtelContextsOptions {
  /** Text of /proc/PID/maps. */
  mappings(tgid: number): Promise<string>;
  file(tgid: number, mapping: MemoryMapping): ByteSource;
  memory(tgid: number, address: number, lengthBytes: number): Promise<Uint8Array>;
  /** Writes the map `thread_contexts`. */
  write(tgid: number, value: Uint8Array): Promise<unknown>;
  /** An SDK says who its process is. */
  onResource(tgid: number, attributes: readonly Attribute[]): void;
  readonly now: () => number;
}

interface Entry {
  looks: number;
  nextLookMs: number;
  looking: Promise<void> | undefined;
  hasPlace: boolean;
  context: ProcessContext | undefined;
  isGone: boolean;
}

interface ContextImage {
  readonly layout: ImageLayout;
  readonly variable: ContextVariable;
}

export class OtelContexts {
  readonly #options: OtelContextsOptions;
  readonly #entries = new Map<number, Entry>();
  /** By inode: what each file says, nearly always nothing. */
  readonly #images = new Map<string, Promise<ContextImage | undefined>>();

  constructor(options: OtelContextsOptions) {
    this.#options = options;
  }

  /** The process has a sample: look whether something is published, now and then. */
  sampled(tgid: number): void {
    const entry = this.#entries.get(tgid) ?? this.#add(tgid);
    if (entry.looking === undefined && this.#options.now() >= entry.nextLookMs) void this.#look(tgid, entry);
  }

  /** Its mappings have been read for another purpose. */
  async found(tgid: number, mappings: readonly MemoryMapping[]): Promise<void> {
    const entry = this.#entries.get(tgid) ?? this.#add(tgid);
    await this.#read(tgid, entry, mappings);
  }

  exited(tgid: number): void {
    const entry = this.#entries.get(tgid);
    if (entry !== undefined) entry.isGone = true;
    this.#entries.delete(tgid);
  }

  /** Named attributes of a thread's context. A name that is not known yet is looked for once more. */
  async attributes(tgid: number, bytes: Uint8Array): Promise<readonly Attribute[]> {
    const found = readThreadAttributes(bytes);
    const entry = this.#entries.get(tgid);
    if (entry === undefined) return [];
    const keys = () => entry.context?.threadKeys ?? [];
    if ([...found.keys()].some((index) => index >= keys().length)) await this.#look(tgid, entry);
    return nameThreadAttributes(found, keys());
  }

  #add(tgid: number): Entry {
    const entry = {
      looks: 0,
      nextLookMs: this.#options.now() + LOOK_AGAIN_AFTER_MS[0],
      looking: undefined,
      hasPlace: false,
      context: undefined,
      isGone: false,
    };
    makeRoom(this.#entries, PROCESS_LIMIT);
    this.#entries.set(tgid, entry);
    return entry;
  }

  #look(tgid: number, entry: Entry): Promise<void> {
    entry.looking ??= this.#options
      .mappings(tgid)
      .then((text) => this.#read(tgid, entry, parseMappings(text)))
      // The broker did not answer: the next sample asks again.
      .catch(() => {})
      .finally(() => {
        entry.looking = undefined;
        entry.looks++;
        const waitMs = LOOK_AGAIN_AFTER_MS[Math.min(entry.looks, LOOK_AGAIN_AFTER_MS.length - 1)]!;
        entry.nextLookMs = this.#options.now() + waitMs;
      });
    return entry.looking;
  }

  async #read(tgid: number, entry: Entry, mappings: readonly MemoryMapping[]): Promise<void> {
    if (!entry.hasPlace) await this.#findPlace(tgid, entry, mappings);
    for (const { start } of contextMappings(mappings)) {
      const memory = (address: number, lengthBytes: number) => this.#options.memory(tgid, address, lengthBytes);
      const context = await readProcessContext(start, memory, entry.context);
      if (context === undefined || entry.isGone) continue;
      if (context !== entry.context) this.#options.onResource(tgid, context.resource);
      entry.context = context;
      return;
    }
  }

  async #findPlace(tgid: number, entry: Entry, mappings: readonly MemoryMapping[]): Promise<void> {
    for (const mapping of mappings) {
      if (!mapping.isExecutable || !mapping.path.startsWith("/")) continue;
      const image = await this.#image(tgid, mapping);
      const bias = image === undefined ? undefined : biasOf(image.layout, mapping);
      if (image === undefined || bias === undefined) continue;
      const loadBias = bias - image.layout.baseAddress;
      const memory = (address: number, lengthBytes: number) => this.#options.memory(tgid, address, lengthBytes);
      const isMusl = mappings.some(({ path }) => MUSL.test(path));
      const place = await placeOf({ variable: image.variable, loadBias }, memory, isMusl);
      if (place === undefined || entry.isGone) continue;
      const bytes = new Uint8Array(PROFILE_LAYOUT.thread_context_place.sizeBytes);
      encodeThreadContextPlace(new DataView(bytes.buffer), 0, place);
      entry.hasPlace = true;
      await this.#options.write(tgid, bytes);
      return;
    }
  }

  #image(tgid: number, mapping: MemoryMapping): Promise<ContextImage | undefined> {
    const known = this.#images.get(mapping.inode);
    if (known !== undefined) return known;
    makeRoom(this.#images, IMAGE_LIMIT);
    const source = this.#options.file(tgid, mapping);
    const reading = readContextImage(source).catch(() => undefined);
    this.#images.set(mapping.inode, reading);
    // Of a process that has gone meanwhile nothing could be read.
    void reading
      .then(() => isReadable(source))
      .catch(() => false)
      .then((isThere) => isThere || this.#images.delete(mapping.inode));
    return reading;
  }
}

async function readContextImage(source: ByteSource): Promise<ContextImage | undefined> {
  const elf = await readElf(source);
  const variable = elf === undefined ? undefined : await findContextVariable(elf);
  const layout = elf === undefined ? undefined : layoutOf(elf);
  return layout === undefined || variable === undefined ? undefined : { layout, variable };
}
