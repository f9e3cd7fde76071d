/** The frames of one process, or of the kernel, by address: objects that all samples share. */
import type { Frame, MemoryMapping } from "../../mapping/profile.ts";
import { FrameLife, type ResolvedFrame, type ResolvedMapping } from "./thread-message.ts";

const ADDRESS_LIMIT = 50_000;

interface CachedFrame {
  readonly frame: Frame;
  /** Why it has no name. */
  readonly reason: string | undefined;
  readonly untilMs: number;
}

export class FrameCache {
  readonly #frames = new Map<bigint, CachedFrame>();
  readonly #mappings = new Map<string, MemoryMapping>();

  /** undefined: to be asked for. */
  get(address: bigint, nowMs: number): CachedFrame | undefined {
    const cached = this.#frames.get(address);
    return cached !== undefined && nowMs < cached.untilMs ? cached : undefined;
  }

  /** Whatever was known of it last. */
  last(address: bigint): CachedFrame | undefined {
    return this.#frames.get(address);
  }

  set(address: bigint, resolved: ResolvedFrame, mappings: readonly ResolvedMapping[], nowMs: number): void {
    if (this.#frames.size >= ADDRESS_LIMIT) this.#frames.clear();
    const known = this.#frames.get(address);
    // A process that is gone can't be asked again: what was known of it is still true.
    if (
      resolved.reason !== undefined &&
      resolved.lifeMs < FrameLife.lasting &&
      known !== undefined &&
      known.reason === undefined
    ) {
      this.#frames.set(address, { ...known, untilMs: nowMs + FrameLife.passing });
      return;
    }
    const mapping = mappings[resolved.mapping];
    const found: Frame = {
      address,
      mapping: mapping === undefined ? undefined : this.#mapping(mapping),
      type: resolved.type,
      lines: resolved.lines,
    };
    const frame = known !== undefined && isSame(known.frame, found) ? known.frame : found;
    this.#frames.set(address, { frame, reason: resolved.reason, untilMs: nowMs + resolved.lifeMs });
  }

  #mapping({ start, end, fileOffset, path, attributes }: ResolvedMapping): MemoryMapping {
    const key = `${start} ${end} ${fileOffset} ${path} ${attributes.length}`;
    let mapping = this.#mappings.get(key);
    if (mapping === undefined) {
      mapping = {
        memoryStart: BigInt(start),
        memoryLimit: BigInt(end),
        fileOffset: BigInt(fileOffset),
        fileName: path,
        attributes,
      };
      if (this.#mappings.size >= 4096) this.#mappings.clear();
      this.#mappings.set(key, mapping);
    }
    return mapping;
  }
}

/** Then it stays the same object, which others know it by. */
function isSame(left: Frame, right: Frame): boolean {
  return (
    left.mapping === right.mapping &&
    left.type === right.type &&
    left.lines.length === right.lines.length &&
    left.lines.every((line, i) => {
      const other = right.lines[i]!;
      return (
        line.functionName === other.functionName &&
        line.fileName === other.fileName &&
        line.lineNumber === other.lineNumber
      );
    })
  );
}
