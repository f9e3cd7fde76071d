/** What names a file for symbol servers (semantic conventions, process.executable.build_id.*). */
import { createHash } from "node:crypto";
import type { Attribute } from "../../mapping/span.ts";
import type { ByteSource } from "../elf/byte-source.ts";
import { type ElfFile, viewOf } from "../elf/elf-file.ts";

const PT_NOTE = 4;
const NT_GNU_BUILD_ID = 3;
const NT_GO_BUILD_ID = 4;
const NOTES_LIMIT_BYTES = 64 * 1024;
const ENDS_BYTES = 4096;

export interface BuildIds {
  /** Hex. */
  readonly gnu: string | undefined;
  readonly go: string | undefined;
}

/** Notes (gABI chapter 5, "Note Section") of all PT_NOTE segments: they are there when the sections are stripped too. */
export async function readBuildIds({ source, segments }: Pick<ElfFile, "source" | "segments">): Promise<BuildIds> {
  let gnu: string | undefined;
  let go: string | undefined;
  for (const { type, fileOffset, fileSizeBytes } of segments) {
    if (type !== PT_NOTE) continue;
    const bytes = await source.read(fileOffset, Math.max(1, Math.min(fileSizeBytes, NOTES_LIMIT_BYTES)));
    for (const note of notesOf(bytes)) {
      if (note.name === "GNU" && note.type === NT_GNU_BUILD_ID && isSane(note.data)) gnu = hex(note.data);
      if (note.name === "Go" && note.type === NT_GO_BUILD_ID) go = text(note.data);
    }
  }
  return { gnu, go };
}

/** hex(SHA-256(first 4096 bytes, last 4096 bytes, length as 64-bit big endian)[:16]). */
export async function hostTailHash(source: ByteSource, sizeBytes: number): Promise<string> {
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(sizeBytes));
  const hash = createHash("sha256");
  hash.update(await source.read(0, ENDS_BYTES));
  hash.update(await source.read(Math.max(0, sizeBytes - ENDS_BYTES), ENDS_BYTES));
  return hash.update(length).digest("hex").slice(0, 32);
}

export function buildIdAttributes({ gnu, go }: BuildIds, hash: string): Attribute[] {
  const attributes: Attribute[] = [];
  if (gnu !== undefined) attributes.push(["process.executable.build_id.gnu", gnu]);
  if (go !== undefined) attributes.push(["process.executable.build_id.go", go]);
  attributes.push(["process.executable.build_id.htlhash", hash]);
  return attributes;
}

function* notesOf(bytes: Uint8Array): Generator<{ name: string; type: number; data: Uint8Array }> {
  const view = viewOf(bytes);
  for (let at = 0; at + 12 <= bytes.length; ) {
    const nameBytes = view.getUint32(at, true);
    const dataBytes = view.getUint32(at + 4, true);
    const nameAt = at + 12;
    const dataAt = nameAt + padded(nameBytes);
    const end = dataAt + padded(dataBytes);
    if (dataAt + dataBytes > bytes.length) return;
    const name = Buffer.from(bytes.subarray(nameAt, nameAt + Math.max(0, nameBytes - 1))).toString("latin1");
    yield { name, type: view.getUint32(at + 8, true), data: bytes.subarray(dataAt, dataAt + dataBytes) };
    at = end;
  }
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}

function isSane(data: Uint8Array): boolean {
  return data.length >= 2 && data.length <= 32;
}

function hex(data: Uint8Array): string {
  return Buffer.from(data).toString("hex");
}

function text(data: Uint8Array): string | undefined {
  const value = Buffer.from(data).toString("latin1").replace(/\0+$/, "");
  return /^[\x21-\x7e]{1,256}$/.test(value) ? value : undefined;
}
