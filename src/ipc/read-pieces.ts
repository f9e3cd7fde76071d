/** Many reads of the broker's for one of ours. */
import { READ_LIMIT_BYTES } from "./read-limit.ts";

/** On their way at once: each passes through two other processes. */
const PARALLEL_READS = 4;
/** Nobody reads more at once: what a stranger's file says of itself may ask for anything. */
const MOST_BYTES = 128 << 20;

/**
 * Until all is read, or a piece comes short, or it is more than anybody should want.
 * @param offset where a stranger says that it is: nothing lies where no number is exact
 * @param read in base64; undefined: no answer
 */
export async function readPieces(
  offset: number,
  wantedBytes: number,
  read: (offset: number, lengthBytes: number) => Promise<string | undefined>,
): Promise<Uint8Array> {
  const lengthBytes = Math.min(wantedBytes, MOST_BYTES);
  if (!(lengthBytes > 0) || offset < 0 || !Number.isSafeInteger(offset + lengthBytes)) return Buffer.alloc(0);
  if (lengthBytes <= READ_LIMIT_BYTES) return Buffer.from((await read(offset, lengthBytes)) ?? "", "base64");
  const bytes = Buffer.allocUnsafeSlow(lengthBytes);
  for (let done = 0; done < lengthBytes; ) {
    const rest = Math.ceil((lengthBytes - done) / READ_LIMIT_BYTES);
    const places = Array.from({ length: Math.min(PARALLEL_READS, rest) }, (_, i) => done + i * READ_LIMIT_BYTES);
    const sizes = places.map((at) => Math.min(READ_LIMIT_BYTES, lengthBytes - at));
    const texts = await Promise.all(places.map((at, i) => read(offset + at, sizes[i]!)));
    for (const [i, text] of texts.entries()) {
      const written = bytes.write(text ?? "", done, "base64");
      done += written;
      if (written < sizes[i]!) return Buffer.from(bytes.subarray(0, done));
    }
  }
  return bytes;
}
