/** Small reads of one file from large ones: each read of a stranger's file goes through two other processes. */
import { makeRoom } from "../../make-room.ts";
import { type ByteSource, isReadable } from "./byte-source.ts";

const BLOCK_BYTES = 64 << 10;
const BLOCK_LIMIT = 16;

export function bufferedSource(source: ByteSource): ByteSource {
  const blocks = new Map<number, Promise<Uint8Array>>();
  const block = (index: number): Promise<Uint8Array> => {
    let bytes = blocks.get(index);
    if (bytes === undefined) {
      makeRoom(blocks, BLOCK_LIMIT);
      bytes = source.read(index * BLOCK_BYTES, BLOCK_BYTES);
      blocks.set(index, bytes);
    }
    return bytes;
  };
  return {
    touch: () => isReadable(source),
    read: async (offset, lengthBytes) => {
      if (lengthBytes > BLOCK_BYTES || !(offset >= 0 && lengthBytes > 0)) return await source.read(offset, lengthBytes);
      const first = Math.floor(offset / BLOCK_BYTES);
      const last = Math.floor((offset + lengthBytes - 1) / BLOCK_BYTES);
      const within = offset - first * BLOCK_BYTES;
      const head = await block(first);
      if (first === last || head.length < BLOCK_BYTES) return head.subarray(within, within + lengthBytes);
      return Buffer.concat([head, await block(last)]).subarray(within, within + lengthBytes);
    },
  };
}
