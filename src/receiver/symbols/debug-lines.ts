/**
 * What debug information says of the addresses of each file, kept within a budget of bytes: units are read when an address of
 * theirs is asked for, and what was found is kept for as long as it is asked for.
 */
import { DebugInfo, type DebugLine } from "../debug-info/debug-info.ts";
import { DebugSections } from "../debug-info/debug-sections.ts";
import { isReadable } from "../elf/byte-source.ts";
import type { ElfFile } from "../elf/elf-file.ts";

const BUDGET_BYTES = 16 << 20;
const UNIT_BUDGET_BYTES = 4 << 20;
const ADDRESS_LIMIT = 50_000;
const LINE_BYTES = 96;
const IDLE_LIMIT_MS = 300_000;
/** A file stays open, with its compressed sections inflated, while a program's functions are met one after the other. */
const OPEN_MS = 20_000;
/** Of inflated sections, all files together. */
const OPEN_BUDGET_BYTES = 48 << 20;
/** Well before the broker closes what nobody reads (opened-files.ts). */
const TOUCH_MS = 10_000;

export type FoundLines = ReadonlyMap<number, readonly DebugLine[]>;

interface Opened {
  readonly elf: ElfFile;
  readonly sections: DebugSections;
  touchedAtMs: number;
}

interface Entry {
  info: DebugInfo | undefined;
  opened: Opened | undefined;
  readonly lines: Map<number, readonly DebugLine[]>;
  /** One after the other: they want the same units. */
  turn: Promise<unknown>;
  usedAtMs: number;
}

export class DebugLines {
  readonly #entries = new Map<string, Entry>();
  readonly #nowMs: () => number;
  readonly #openBudgetBytes: number;

  constructor(nowMs: () => number, openBudgetBytes = OPEN_BUDGET_BYTES) {
    this.#nowMs = nowMs;
    this.#openBudgetBytes = openBudgetBytes;
  }

  /**
   * @param identity of the file
   * @param open the file with the debug information
   * @param addresses of the file's own address space
   * @returns without those whose turn had not come by the deadline
   */
  async find(
    identity: string,
    open: () => Promise<ElfFile | undefined>,
    addresses: readonly number[],
    deadlineMs: number,
  ): Promise<FoundLines> {
    const entry = this.#entry(identity);
    const missing = addresses.filter((address) => !entry.lines.has(address)).sort((a, b) => a - b);
    if (missing.length > 0) {
      const job = entry.turn
        .then(() => this.#read(entry, open, missing, deadlineMs))
        .catch(() => {
          // The tables are a stranger's: what no check foresaw costs these addresses their lines.
          for (const address of missing) entry.lines.set(address, NOTHING);
        });
      entry.turn = job;
      await job;
    }
    const found = new Map<number, readonly DebugLine[]>();
    for (const address of addresses) {
      const lines = entry.lines.get(address);
      if (lines !== undefined) found.set(address, lines);
    }
    return found;
  }

  /** Forgets what nobody has asked for lately, and what is above the budgets. */
  tidy(): void {
    this.#closeFiles();
    let sizeBytes = [...this.#entries.values()].reduce((sum, entry) => sum + sizeOf(entry), 0);
    for (const [identity, entry] of this.#entries) {
      const isIdle = this.#nowMs() - entry.usedAtMs >= IDLE_LIMIT_MS;
      if (!isIdle && sizeBytes <= BUDGET_BYTES) return;
      this.#entries.delete(identity);
      sizeBytes -= sizeOf(entry);
    }
  }

  #closeFiles(): void {
    let openBytes = 0;
    for (const entry of [...this.#entries.values()].reverse()) {
      openBytes += entry.opened?.sections.sizeBytes ?? 0;
      const isIdle = this.#nowMs() - entry.usedAtMs >= OPEN_MS;
      if (isIdle || openBytes > this.#openBudgetBytes) entry.opened = undefined;
    }
  }

  #entry(identity: string): Entry {
    const entry = this.#entries.get(identity) ?? {
      info: undefined,
      opened: undefined,
      lines: new Map(),
      turn: Promise.resolve(),
      usedAtMs: 0,
    };
    entry.usedAtMs = this.#nowMs();
    // The one used last is the last.
    this.#entries.delete(identity);
    this.#entries.set(identity, entry);
    this.tidy();
    return entry;
  }

  async #read(
    entry: Entry,
    open: () => Promise<ElfFile | undefined>,
    addresses: readonly number[],
    deadlineMs: number,
  ): Promise<void> {
    const sections = await this.#sections(entry, open);
    if (sections === undefined) return;
    entry.info ??= await DebugInfo.read(sections, UNIT_BUDGET_BYTES);
    for (const address of addresses) {
      if (this.#nowMs() > deadlineMs) return;
      const lines = (await entry.info.linesAt(sections, address)) ?? NOTHING;
      if (entry.lines.size >= ADDRESS_LIMIT) entry.lines.clear();
      entry.lines.set(address, lines);
    }
  }

  async #sections(entry: Entry, open: () => Promise<ElfFile | undefined>): Promise<DebugSections | undefined> {
    const nowMs = this.#nowMs();
    const { opened } = entry;
    if (opened !== undefined) {
      if (nowMs - opened.touchedAtMs < TOUCH_MS) return opened.sections;
      opened.touchedAtMs = nowMs;
      if (await isReadable(opened.elf.source)) return opened.sections;
    }
    const elf = await open();
    // Closed while it was idle: the next look at the process opens it again.
    if (elf === undefined || !(await isReadable(elf.source))) return undefined;
    const sections = new DebugSections(elf);
    entry.opened = { elf, sections, touchedAtMs: nowMs };
    return sections;
  }
}

const NOTHING: readonly DebugLine[] = [];

function sizeOf({ info, lines }: Entry): number {
  return (info?.sizeBytes ?? 0) + LINE_BYTES * lines.size + 1024;
}
