/** .eh_frame of an image to the rows that BPF searches: struct unwind_row, ordered by address. */
import { PROFILE_LAYOUT, UnwindKind } from "../../bpf/layout.gen.ts";
import type { GoLineTable } from "../symbols/go-line-table.ts";
import { readEhFrame } from "./eh-frame.ts";
import { type FrameRow, runFrameProgram } from "./frame-program.ts";

const { sizeBytes: ROW_BYTES, offsets } = PROFILE_LAYOUT.unwind_row;
/** Between functions lies padding, which nothing runs: rows for it would be a third of all. */
const PADDING_BYTES = 16;
/** Of a whole image: a browser has ten million. What all descriptions have in common is run for each of them. */
const INSTRUCTION_LIMIT = 40_000_000;

/** The return address is what rsp points to. */
const FRAMELESS: FrameRow = { kind: UnwindKind.sp, cfaOffset: 1, framePointer: 0 };
const NOTHING: FrameRow = { kind: UnwindKind.framePointer, cfaOffset: 0, framePointer: 0 };

export interface CompiledRows {
  /** `count` rows of PROFILE_LAYOUT.unwind_row. */
  readonly bytes: Uint8Array;
  readonly count: number;
}

/**
 * @param sectionAddress of .eh_frame in the image
 * @param baseAddress rows count from here: the image's lowest address
 * @param limit of rows; more of them make none
 */
export function compileRows(
  section: Uint8Array,
  sectionAddress: number,
  baseAddress: number,
  limit: number,
): CompiledRows | undefined {
  const view = new DataView(section.buffer, section.byteOffset, section.byteLength);
  const rows = new RowWriter(limit);
  let [end, instructions] = [0, 0];
  for (const description of readEhFrame(view, sectionAddress)) {
    // What starts in another's stretch contradicts it: the first one holds.
    if (description.start < end || description.start < baseAddress) continue;
    if (end !== 0 && description.start - end > PADDING_BYTES) rows.add(end - baseAddress, NOTHING);
    instructions += runFrameProgram(view, description, (address, row) => {
      if (address < description.end) rows.add(address - baseAddress, row);
    });
    end = description.end;
    if (rows.isFull || instructions > INSTRUCTION_LIMIT || end - baseAddress > 0xffffffff) return undefined;
  }
  if (end !== 0) rows.add(end - baseAddress, NOTHING);
  return rows.isFull ? undefined : rows.finish();
}

/**
 * Go's code keeps rbp as a frame pointer, but for functions without a frame and the first and last instructions of the
 * others: there the caller's frame is at the stack pointer.
 */
export function compileGoRows(
  table: Pick<GoLineTable, "forEachDepth">,
  baseAddress: number,
  limit: number,
): CompiledRows | undefined {
  const rows = new RowWriter(limit);
  let last = 0;
  table.forEachDepth((start, depthBytes) => {
    // Functions are in order; what is not can't be searched.
    if (start < baseAddress || start < last || start - baseAddress > 0xffffffff) return;
    last = start;
    rows.add(start - baseAddress, depthBytes === 0 ? FRAMELESS : NOTHING);
  });
  return rows.isFull ? undefined : rows.finish();
}

/** Rows of both, where the one's code lies before or after the other's: a Go program that is linked with C. */
export function mergeRows(left: CompiledRows, right: CompiledRows): CompiledRows {
  const first = (rows: CompiledRows) => viewOf(rows).getUint32(offsets.address, true);
  const final = (rows: CompiledRows) => viewOf(rows).getUint32((rows.count - 1) * ROW_BYTES + offsets.address, true);
  if (left.count === 0) return right;
  if (right.count === 0) return left;
  const [low, high] = first(left) <= first(right) ? [left, right] : [right, left];
  if (final(low) > first(high)) return left.count >= right.count ? left : right;
  // What ends where the other begins says nothing of it.
  const kept = final(low) === first(high) ? low.count - 1 : low.count;
  const bytes = new Uint8Array((kept + high.count) * ROW_BYTES);
  bytes.set(low.bytes.subarray(0, kept * ROW_BYTES));
  bytes.set(high.bytes, kept * ROW_BYTES);
  return { bytes, count: kept + high.count };
}

function viewOf({ bytes }: CompiledRows): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

class RowWriter {
  readonly #limit: number;
  #view = new DataView(new ArrayBuffer(4096 * ROW_BYTES));
  #count = 0;
  #last: FrameRow | undefined;
  #lastAddress = -1;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isFull(): boolean {
    return this.#count >= this.#limit;
  }

  add(address: number, row: FrameRow): void {
    if (this.isFull || (this.#last !== undefined && isSame(this.#last, row))) return;
    // No code lies between the two: the later one holds.
    if (address === this.#lastAddress) this.#count--;
    if ((this.#count + 1) * ROW_BYTES > this.#view.byteLength) this.#grow();
    const at = this.#count * ROW_BYTES;
    this.#view.setUint32(at + offsets.address, address, true);
    this.#view.setInt16(at + offsets.cfa_offset, row.cfaOffset, true);
    this.#view.setUint8(at + offsets.kind, row.kind);
    this.#view.setInt8(at + offsets.frame_pointer, row.framePointer);
    this.#count++;
    this.#last = row;
    this.#lastAddress = address;
  }

  finish(): CompiledRows {
    return { bytes: new Uint8Array(this.#view.buffer, 0, this.#count * ROW_BYTES), count: this.#count };
  }

  #grow(): void {
    const larger = new Uint8Array(this.#view.byteLength * 2);
    larger.set(new Uint8Array(this.#view.buffer));
    this.#view = new DataView(larger.buffer);
  }
}

function isSame(left: FrameRow, right: FrameRow): boolean {
  return left.kind === right.kind && left.cfaOffset === right.cfaOffset && left.framePointer === right.framePointer;
}
