/**
 * One request as a file: 24 bytes of head (little-endian), then the body as it is sent.
 *
 *     magic 8 | items 4 | length of the body 4 | CRC-32 of the body 4 | CRC-32 of the 20 bytes before 4
 *
 * Its name tells its place in the queue and its items too: of a file that can't be read it is still known what is lost.
 */
import { crc32 } from "node:zlib";

const MAGIC = Buffer.from("SOCKSPQ1", "latin1");
export const HEAD_BYTES = 24;

const NAME = /^(\d{16})-(\d{1,9})\.(request|part)$/;

export interface RequestName {
  readonly key: string;
  readonly sequence: number;
  readonly itemCount: number;
  /** It was still being written. */
  readonly isPart: boolean;
}

export function keyOf(sequence: number, itemCount: number): string {
  return `${String(sequence).padStart(16, "0")}-${itemCount}`;
}

export function fileOf(key: string, isPart = false): string {
  return `${key}.${isPart ? "part" : "request"}`;
}

/** undefined: no file of ours. */
export function parseName(name: string): RequestName | undefined {
  const [, sequence, items, ending] = NAME.exec(name) ?? [];
  if (sequence === undefined || items === undefined) return undefined;
  return {
    key: `${sequence}-${items}`,
    sequence: Number(sequence),
    itemCount: Number(items),
    isPart: ending === "part",
  };
}

export function encodeHead(body: Uint8Array, itemCount: number): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  MAGIC.copy(head);
  head.writeUInt32LE(itemCount, 8);
  head.writeUInt32LE(body.length, 12);
  head.writeUInt32LE(crc32(body), 16);
  head.writeUInt32LE(crc32(head.subarray(0, 20)), 20);
  return head;
}

/** Why the head, or the file's length, can't be that of a request; undefined: it can. */
export function headProblem(head: Uint8Array, itemCount: number, fileBytes: number): string | undefined {
  if (head.length < HEAD_BYTES) return `it has ${fileBytes} bytes, less than a head`;
  const view = Buffer.from(head.buffer, head.byteOffset, head.length);
  if (MAGIC.compare(view, 0, MAGIC.length) !== 0) return "it does not begin as a request does";
  if (view.readUInt32LE(20) !== crc32(view.subarray(0, 20))) return "its head is damaged";
  if (view.readUInt32LE(8) !== itemCount) return "its head and its name differ";
  const wanted = HEAD_BYTES + view.readUInt32LE(12);
  return fileBytes === wanted ? undefined : `it has ${fileBytes} bytes of ${wanted}`;
}

/** @throws Error that says why it is none */
export function bodyOf(file: Uint8Array, itemCount: number): Uint8Array {
  const problem = headProblem(file.subarray(0, HEAD_BYTES), itemCount, file.length);
  if (problem !== undefined) throw new Error(problem);
  const body = file.subarray(HEAD_BYTES);
  if (Buffer.from(file.buffer, file.byteOffset, HEAD_BYTES).readUInt32LE(16) !== crc32(body)) {
    throw new Error("its bytes are not those that were written");
  }
  return body;
}
