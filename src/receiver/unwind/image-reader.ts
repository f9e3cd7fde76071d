/** Finds the image behind a mapping, and compiles it when it is met for the first time. */
import type { ByteSource } from "../elf/byte-source.ts";
import { isReadable } from "../elf/byte-source.ts";
import type { MemoryMapping } from "../runtimes/process-view.ts";
import type { ImageTable, UnwindImage } from "./image-table.ts";
import { readImage } from "./read-image.ts";

const VDSO = "[vdso]";
const KNOWN_LIMIT = 16_384;

export class ImageReader {
  readonly #images: ImageTable;
  readonly #rowLimit: number;
  readonly #reading = new Map<string, Promise<UnwindImage | undefined>>();
  /** Files that are no images. */
  readonly #useless = new Set<string>();
  compiled = 0;

  constructor(images: ImageTable, rowLimit: number) {
    this.#images = images;
    this.#rowLimit = rowLimit;
  }

  /** undefined: code of a runtime's own, or of a file that can't be read. */
  find(mapping: MemoryMapping, source: () => Promise<ByteSource>): Promise<UnwindImage | undefined> {
    const key = keyOf(mapping);
    if (key === undefined || this.#useless.has(key)) return Promise.resolve(undefined);
    const known = this.#images.find(key);
    if (known !== undefined) return Promise.resolve(known);
    let reading = this.#reading.get(key);
    if (reading === undefined) {
      reading = this.#read(key, source).finally(() => this.#reading.delete(key));
      this.#reading.set(key, reading);
    }
    return reading;
  }

  async #read(key: string, open: () => Promise<ByteSource>): Promise<UnwindImage | undefined> {
    const source = await open();
    const image = await readImage(source);
    // Containers have the same files under other inodes.
    const shared = image?.buildId === undefined ? undefined : this.#images.find(image.buildId);
    if (shared !== undefined) return shared;
    const rows = await image?.compile(this.#rowLimit);
    // What was read of a process that has gone meanwhile says nothing of the file, which others have mapped too.
    if (!(await isReadable(source))) return undefined;
    if (image === undefined) {
      if (this.#useless.size >= KNOWN_LIMIT) this.#useless.clear();
      this.#useless.add(key);
      return undefined;
    }
    this.compiled++;
    return this.#images.add(image.buildId ?? key, image.layout, rows);
  }
}

/** The vdso is one for all processes of a kernel. */
function keyOf({ path, inode }: MemoryMapping): string | undefined {
  if (path === VDSO) return VDSO;
  return path.startsWith("/") ? `${inode} ${path}` : undefined;
}

export function isVdso({ path }: MemoryMapping): boolean {
  return path === VDSO;
}
