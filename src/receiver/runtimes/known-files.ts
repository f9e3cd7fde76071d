/**
 * What was read of the files of programs, kept for their next start: each read passes through two other processes, and a program
 * is to be known before its first request. Whose file it is decides: bytes are kept by the file's inode, so no
 * program speaks for another one that only looks the same, and by its beginning, which has the id of the build.
 */
import { createHash } from "node:crypto";
import { READ_LIMIT_BYTES } from "../../ipc/read-limit.ts";
import { type ByteSource, isReadable } from "../elf/byte-source.ts";

const BLOCK_BYTES = 16 << 10;
const HEAD_BYTES = 4096;
const MOST_BYTES = 8 << 20;
const MOST_BYTES_OF_ONE = 4 << 20;
/** Type and name of a note: NT_GNU_BUILD_ID, and that of Go's linker (cmd/internal/buildid, elfGoNote). */
const BUILD_ID_NOTES = [Buffer.from("\x03\0\0\0GNU\0", "latin1"), Buffer.from("\x04\0\0\0Go\0\0", "latin1")] as const;

interface KnownFile {
  readonly pieces: Map<string, Uint8Array>;
  heldBytes: number;
}

export class KnownFiles {
  /** The one that was used last is the last. */
  readonly #files = new Map<string, KnownFile>();
  #heldBytes = 0;

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** @param inode names the file on this host */
  async open(inode: string, source: ByteSource): Promise<ByteSource> {
    const head = await source.read(0, BLOCK_BYTES);
    const page = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, HEAD_BYTES));
    const file = this.#fileOf(inode, page);
    this.#keep(file, pieceName(0, BLOCK_BYTES), head, BLOCK_BYTES);
    const pending = new Map<string, Promise<Uint8Array>>();
    const piece = (offset: number, lengthBytes: number): Promise<Uint8Array> => {
      const name = pieceName(offset, lengthBytes);
      const known = file.pieces.get(name);
      if (known !== undefined) return Promise.resolve(known);
      let bytes = pending.get(name);
      if (bytes === undefined) {
        bytes = source.read(offset, lengthBytes).then((read) => {
          this.#keep(file, name, read, lengthBytes);
          return read;
        });
        pending.set(name, bytes);
        bytes.catch(() => {}).finally(() => pending.delete(name));
      }
      return bytes;
    };
    return {
      read: (offset, lengthBytes) => readBlocks(piece, offset, lengthBytes),
      touch: () => isReadable(source),
    };
  }

  /** Without the id of a build what is read is kept for this opening alone. */
  #fileOf(inode: string, page: Buffer): KnownFile {
    const fresh = { pieces: new Map<string, Uint8Array>(), heldBytes: 0 };
    if (!BUILD_ID_NOTES.some((note) => page.includes(note))) return fresh;
    const key = `${inode} ${createHash("sha256").update(page).digest("base64")}`;
    const file = this.#files.get(key) ?? fresh;
    this.#files.delete(key);
    this.#files.set(key, file);
    return file;
  }

  #keep(file: KnownFile, name: string, bytes: Uint8Array, wantedBytes: number): void {
    // Several reads that end early tell of a process that has gone, one of the end of the file.
    const isWhole = bytes.length === wantedBytes || (bytes.length > 0 && wantedBytes <= READ_LIMIT_BYTES);
    if (!isWhole || file.pieces.has(name) || file.heldBytes + bytes.length > MOST_BYTES_OF_ONE) return;
    file.pieces.set(name, bytes);
    file.heldBytes += bytes.length;
    this.#heldBytes = 0;
    for (const { heldBytes } of this.#files.values()) this.#heldBytes += heldBytes;
    for (const [key, oldest] of this.#files) {
      if (this.#heldBytes <= MOST_BYTES) break;
      this.#files.delete(key);
      this.#heldBytes -= oldest.heldBytes;
    }
  }
}

function pieceName(offset: number, lengthBytes: number): string {
  return `${offset} ${lengthBytes}`;
}

async function readBlocks(
  piece: (offset: number, lengthBytes: number) => Promise<Uint8Array>,
  offset: number,
  lengthBytes: number,
): Promise<Uint8Array> {
  if (lengthBytes > BLOCK_BYTES || !(offset >= 0 && lengthBytes > 0)) return await piece(offset, lengthBytes);
  const first = Math.floor(offset / BLOCK_BYTES);
  const last = Math.floor((offset + lengthBytes - 1) / BLOCK_BYTES);
  const within = offset - first * BLOCK_BYTES;
  if (first === last) return (await piece(first * BLOCK_BYTES, BLOCK_BYTES)).subarray(within, within + lengthBytes);
  const [head, tail] = await Promise.all([
    piece(first * BLOCK_BYTES, BLOCK_BYTES),
    piece(last * BLOCK_BYTES, BLOCK_BYTES),
  ]);
  if (head.length < BLOCK_BYTES) return head.subarray(within, within + lengthBytes);
  return Buffer.concat([head, tail]).subarray(within, within + lengthBytes);
}
