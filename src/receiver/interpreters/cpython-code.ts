/** A code object of CPython out of the process's memory. The process is a stranger: what is no code object by its looks is none. */
import { u64, viewOf } from "../elf/elf-file.ts";
import type { ProcessView } from "../runtimes/process-view.ts";
import type { CpythonLayout } from "./cpython-layout.ts";

const MAX_TEXT_BYTES = 1024;
const MAX_LINE_TABLE_BYTES = 256 * 1024;
const MAX_LINE = 10_000_000;
const STATE_KIND_SHIFT = 2;
const STATE_COMPACT = 1 << 5;
const STATE_ASCII = 1 << 6;

type Memory = Pick<ProcessView, "memory">;

export interface CodeObject {
  readonly name: string;
  readonly fileName: string | undefined;
  readonly firstLine: number;
  readonly lineTable: Uint8Array;
}

/** @returns undefined when there is none at the address (any more) */
export async function readCode(
  view: Memory,
  { code, asciiData, compactData }: CpythonLayout,
  address: number,
): Promise<CodeObject | undefined> {
  const bytes = await view.memory(address, code.instructions);
  if (bytes.length < code.instructions) return undefined;
  const object = viewOf(bytes);
  const text = (at: number) => readText(view, u64(object, at), asciiData, compactData);
  const [name, fileName, lineTable] = await Promise.all([
    text(code.qualifiedName),
    text(code.fileName),
    readBytes(view, u64(object, code.lineTable)),
  ]);
  const firstLine = object.getInt32(code.firstLine, true);
  // What is no code object has no name, or lines that no file has.
  if (name === undefined || firstLine < 0 || firstLine > MAX_LINE) return undefined;
  return { name, fileName, firstLine, lineTable };
}

/** A compact str (Include/cpython/unicodeobject.h): length at 16, state at 32. */
async function readText(
  view: Memory,
  address: number,
  asciiData: number,
  compactData: number,
): Promise<string | undefined> {
  const head = await view.memory(address, compactData + MAX_TEXT_BYTES);
  if (head.length < compactData) return undefined;
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.length);
  const length = u64(viewOf(head), 16);
  const state = bytes[32]!;
  if ((state & STATE_COMPACT) === 0 || length === 0 || length > MAX_TEXT_BYTES) return undefined;
  const kind = (state >> STATE_KIND_SHIFT) & 7;
  const data = (state & STATE_ASCII) === 0 ? compactData : asciiData;
  const text = bytes.subarray(data, data + length * kind);
  if (kind === 1) return text.toString("latin1");
  if (kind === 2) return text.subarray(0, text.length & ~1).toString("utf16le");
  return kind === 4 ? utf32(text) : undefined;
}

function utf32(bytes: Buffer): string {
  let text = "";
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const point = bytes.readUInt32LE(at);
    text += point <= 0x10ffff ? String.fromCodePoint(point) : "?";
  }
  return text;
}

/** A bytes object: length at 16, contents at 32. */
async function readBytes(view: Memory, address: number): Promise<Uint8Array> {
  const head = await view.memory(address, 32);
  if (head.length < 32) return new Uint8Array();
  const length = u64(viewOf(head), 16);
  return length === 0 || length > MAX_LINE_TABLE_BYTES ? new Uint8Array() : view.memory(address + 32, length);
}
