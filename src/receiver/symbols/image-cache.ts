/**
 * Parsed files, a few at a time, within a budget of bytes and for as long as they are asked for: the one longest unused leaves first. Keyed by the file
 * itself (device, inode, size, time of change) and not by its build id, which anybody can write into a file.
 */
import type { OpenedFile } from "../../ipc/messages.ts";
import { ElfImage, type ElfImageInput, type SizedSource } from "./elf-image.ts";

const BUDGET_BYTES = 24 << 20;
/** Whoever asked has kept the answers by then. */
const IDLE_LIMIT_MS = 30_000;
const ENTRY_LIMIT = 8192;
/** Most of a load is waiting for the reader. */
const PARALLEL_LOADS = 4;

/** `not_elf`; `file_closed`: not kept, since it may be asked for again. */
export type ImageOutcome = { readonly image: ElfImage } | { readonly reason: string };

export class ImageCache {
  readonly #entries = new Map<string, { outcome: ImageOutcome; sizeBytes: number; usedAtMs: number }>();
  readonly #underWay = new Map<string, Promise<ImageOutcome>>();
  readonly #budgetBytes: number;
  #sizeBytes = 0;
  /** Each may take megabytes while it is read. */
  readonly #lanes: Promise<unknown>[] = Array.from({ length: PARALLEL_LOADS }, () => Promise.resolve());
  #nextLane = 0;

  readonly #nowMs: () => number;

  constructor(nowMs: () => number, budgetBytes = BUDGET_BYTES) {
    this.#nowMs = nowMs;
    this.#budgetBytes = budgetBytes;
  }

  /** Forgets what nobody has asked for lately. */
  tidy(): void {
    for (const [identity, { usedAtMs, sizeBytes }] of this.#entries) {
      if (this.#nowMs() - usedAtMs < IDLE_LIMIT_MS) return;
      this.#entries.delete(identity);
      this.#sizeBytes -= sizeBytes;
    }
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
      entry.usedAtMs = this.#nowMs();
      return entry.outcome;
    }
    let loading = this.#underWay.get(identity);
    if (loading === undefined) {
      const lane = this.#nextLane++ % PARALLEL_LOADS;
      loading = this.#lanes[lane]!.then(() => this.#load(identity, source, findDebugFile));
      this.#lanes[lane] = loading;
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
    this.#entries.set(identity, { outcome, sizeBytes, usedAtMs: this.#nowMs() });
    this.#sizeBytes += sizeBytes;
    for (const [oldest, entry] of this.#entries) {
      if ((this.#sizeBytes <= this.#budgetBytes && this.#entries.size <= ENTRY_LIMIT) || oldest === identity) return;
      this.#entries.delete(oldest);
      this.#sizeBytes -= entry.sizeBytes;
    }
  }
}
