/**
 * Parsed files, one after the other, within a budget of bytes: the one longest unused leaves first. Keyed by the file
 * itself (device, inode, size, time of change) and not by its build id, which anybody can write into a file.
 */
import type { OpenedFile } from "../../ipc/messages.ts";
import { ElfImage, type ElfImageInput, type SizedSource } from "./elf-image.ts";

const BUDGET_BYTES = 48 << 20;
const ENTRY_LIMIT = 8192;

/** `not_elf`; `file_closed`: not kept, since it may be asked for again. */
export type ImageOutcome = { readonly image: ElfImage } | { readonly reason: string };

export class ImageCache {
  readonly #entries = new Map<string, { outcome: ImageOutcome; sizeBytes: number }>();
  readonly #underWay = new Map<string, Promise<ImageOutcome>>();
  readonly #budgetBytes: number;
  #sizeBytes = 0;
  /** Files are read one at a time: each may take megabytes. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(budgetBytes = BUDGET_BYTES) {
    this.#budgetBytes = budgetBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get(
    file: OpenedFile,
    source: SizedSource,
    findDebugFile: ElfImageInput["findDebugFile"],
  ): ImageOutcome | Promise<ImageOutcome> {
    const { identity } = file;
    const entry = this.#entries.get(identity);
    if (entry !== undefined) {
      this.#entries.delete(identity);
      this.#entries.set(identity, entry);
      return entry.outcome;
    }
    let loading = this.#underWay.get(identity);
    if (loading === undefined) {
      loading = this.#last.then(() => this.#load(identity, source, findDebugFile));
      this.#last = loading;
      this.#underWay.set(identity, loading);
    }
    return loading;
  }

  async #load(
    identity: string,
    source: SizedSource,
    findDebugFile: ElfImageInput["findDebugFile"],
  ): Promise<ImageOutcome> {
    let outcome: ImageOutcome;
    try {
      const image = await ElfImage.read({ source, findDebugFile });
      const isOpen = image !== undefined || (await source.read(0, 1)).length > 0 || source.sizeBytes === 0;
      outcome = image !== undefined ? { image } : { reason: isOpen ? "not_elf" : "file_closed" };
    } catch {
      // The tables are a stranger's: what no check foresaw costs this file its names.
      outcome = { reason: "broken_file" };
    }
    this.#underWay.delete(identity);
    if ("image" in outcome || outcome.reason !== "file_closed") this.#keep(identity, outcome);
    return outcome;
  }

  #keep(identity: string, outcome: ImageOutcome): void {
    const sizeBytes = "image" in outcome ? outcome.image.sizeBytes : 256;
    this.#entries.set(identity, { outcome, sizeBytes });
    this.#sizeBytes += sizeBytes;
    for (const [oldest, entry] of this.#entries) {
      if ((this.#sizeBytes <= this.#budgetBytes && this.#entries.size <= ENTRY_LIMIT) || oldest === identity) return;
      this.#entries.delete(oldest);
      this.#sizeBytes -= entry.sizeBytes;
    }
  }
}
