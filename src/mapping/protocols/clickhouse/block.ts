/**
 * Steps over a ClickHouse block, which has no length: piece by piece, keeping what is still to come. Bounded by the
 * number of columns that a piece opens: one column at a time.
 */
import { ByteReader, uint32le } from "../byte-reader.ts";
import { INVALID, NEED_MORE } from "../protocol.ts";
import { type ColumnShape, columnShape, dictionaryCount } from "./types.ts";

type Task =
  | { readonly kind: "info" }
  | { readonly kind: "size" }
  | { readonly kind: "columns"; left: number }
  | { readonly kind: "bytes"; count: number }
  | { readonly kind: "strings"; count: number }
  | { readonly kind: "values"; readonly shape: ColumnShape; readonly count: number }
  | { readonly kind: "last_offset"; readonly inner: ColumnShape }
  | { readonly kind: "dictionary"; readonly inner: ColumnShape }
  | { readonly kind: "indexes"; readonly width: number };

/** A type whose values can't be stepped over: nobody knows where the block ends. */
export const UNKNOWN_TYPE = -2;

const MAX_COLUMNS = 65_536;
const MAX_NAME = 4096;

export class BlockWalker {
  readonly #hasCustomFlag: boolean;
  #tasks: Task[] = [{ kind: "size" }, { kind: "info" }];
  rows = 0;

  /** @param revision that both ends speak */
  constructor(revision: number) {
    this.#hasCustomFlag = revision >= 54_454;
  }

  get isDone(): boolean {
    return this.#tasks.length === 0;
  }

  /** @returns how many bytes are behind it (perhaps more than are there), NEED_MORE, INVALID or UNKNOWN_TYPE */
  step(bytes: Uint8Array, from: number): number {
    let at = from;
    while (this.#tasks.length > 0) {
      if (at > bytes.length) return at - from;
      const count = this.#take(bytes, at);
      if (count === INVALID || count === UNKNOWN_TYPE) return count;
      if (count === NEED_MORE) return at - from;
      at += count - 1;
    }
    return at - from;
  }

  /** One task, or a part of it. @returns one more than the bytes that it takes, so that none is not NEED_MORE */
  #take(bytes: Uint8Array, at: number): number {
    const tasks = this.#tasks;
    const task = tasks.at(-1)!;
    const reader = new ByteReader(bytes, Math.min(at, bytes.length));
    switch (task.kind) {
      case "info":
        return this.#info(reader, at);
      case "size": {
        const columns = reader.varint();
        const rows = reader.varint();
        if (reader.failed) return NEED_MORE;
        if (columns > MAX_COLUMNS) return INVALID;
        this.rows = rows;
        tasks.pop();
        tasks.push({ kind: "columns", left: columns });
        break;
      }
      case "columns":
        return this.#column(task, reader, at);
      case "bytes":
        tasks.pop();
        return task.count + 1;
      case "strings":
        return this.#strings(task, bytes, at);
      case "values":
        tasks.pop();
        this.#values(task.shape, task.count);
        break;
      case "last_offset": {
        const count = reader.uint64le();
        if (reader.failed) return NEED_MORE;
        tasks.pop();
        if (!Number.isSafeInteger(count)) return INVALID;
        tasks.push({ kind: "values", shape: task.inner, count });
        break;
      }
      case "dictionary": {
        const flags = reader.uint64le();
        const keys = reader.uint64le();
        if (reader.failed) return NEED_MORE;
        if (!Number.isSafeInteger(keys) || flags % 256 > 3) return INVALID;
        tasks.pop();
        tasks.push({ kind: "indexes", width: 1 << (flags % 256) }, { kind: "values", shape: task.inner, count: keys });
        break;
      }
      case "indexes": {
        const rows = reader.uint64le();
        if (reader.failed) return NEED_MORE;
        if (!Number.isSafeInteger(rows * task.width)) return INVALID;
        tasks.pop();
        tasks.push({ kind: "bytes", count: rows * task.width });
        break;
      }
    }
    return reader.position - at + 1;
  }

  /** Numbered fields, up to a zero. */
  #info(reader: ByteReader, at: number): number {
    for (;;) {
      const field = reader.varint();
      if (field === 1) reader.uint8();
      else if (field === 2) reader.int32le();
      else if (field === 3) {
        const count = reader.varint();
        for (let i = 0; i < count && !reader.failed; i++) reader.int32le();
      } else if (field !== 0) return INVALID;
      if (reader.failed) return NEED_MORE;
      if (field === 0) break;
    }
    this.#tasks.pop();
    return reader.position - at + 1;
  }

  #column(task: { left: number }, reader: ByteReader, at: number): number {
    if (task.left === 0) {
      this.#tasks.pop();
      return 1;
    }
    const nameLength = reader.varint();
    reader.skip(nameLength);
    const typeLength = reader.varint();
    const type = reader.latin1(typeLength);
    const isCustom = this.#hasCustomFlag && reader.uint8() !== 0;
    if (nameLength > MAX_NAME || typeLength > MAX_NAME) return INVALID;
    if (reader.failed) return NEED_MORE;
    task.left--;
    if (this.rows > 0) {
      const shape = columnShape(type);
      if (shape === undefined || isCustom) return UNKNOWN_TYPE;
      this.#tasks.push(
        { kind: "values", shape, count: this.rows },
        { kind: "bytes", count: 8 * dictionaryCount(shape) },
      );
    }
    return reader.position - at + 1;
  }

  #values(shape: ColumnShape, count: number): void {
    const tasks = this.#tasks;
    if (shape.kind === "fixed") tasks.push({ kind: "bytes", count: count * shape.width });
    else if (shape.kind === "strings") tasks.push({ kind: "strings", count });
    else if (shape.kind === "nullable") {
      tasks.push({ kind: "values", shape: shape.inner, count }, { kind: "bytes", count });
    } else if (shape.kind === "tuple") {
      for (const part of [...shape.parts].reverse()) tasks.push({ kind: "values", shape: part, count });
    } else if (count > 0 && shape.kind === "array") {
      tasks.push({ kind: "last_offset", inner: shape.inner }, { kind: "bytes", count: (count - 1) * 8 });
    } else if (count > 0 && shape.kind === "dictionary") tasks.push({ kind: "dictionary", inner: shape.inner });
  }

  #strings(task: { count: number }, bytes: Uint8Array, at: number): number {
    let position = at;
    while (task.count > 0) {
      // Most are short.
      let length = bytes[position];
      if (length === undefined) break;
      let next = position + 1;
      if (length >= 0x80) {
        const reader = new ByteReader(bytes, position);
        length = reader.varint();
        if (reader.failed) break;
        next = reader.position;
      }
      position = next + length;
      task.count--;
      if (position > bytes.length) break;
    }
    if (task.count === 0) this.#tasks.pop();
    else if (position === at) return NEED_MORE;
    return position - at + 1;
  }
}

const CHECKSUM_BYTES = 16;
const FRAME_HEADER_BYTES = CHECKSUM_BYTES + 9;
/** A block is cut into frames of this size before they are compressed. */
const FULL_FRAME = 1_048_576;
const METHODS: ReadonlySet<number> = new Set([0x02, 0x82, 0x90]);

/** One frame of a compressed block. @returns its length and whether the block may go on */
export function compressedFrame(
  bytes: Uint8Array,
  at: number,
): { readonly length: number; readonly isLast: boolean } | typeof NEED_MORE | typeof INVALID {
  if (bytes.length < at + FRAME_HEADER_BYTES) return NEED_MORE;
  const size = uint32le(bytes, at + CHECKSUM_BYTES + 1);
  if (!METHODS.has(bytes[at + CHECKSUM_BYTES]!) || size < 9) return INVALID;
  return { length: CHECKSUM_BYTES + size, isLast: uint32le(bytes, at + CHECKSUM_BYTES + 5) < FULL_FRAME };
}
