/** The bytes of a file, piece by piece, unpacked when it is gzipped. */

import { type FileHandle, open } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { messageOf } from "../../error.ts";
import { CaptureUnreadableError } from "./error.ts";

const CHUNK_BYTES = 1 << 20;

/** Ends early, with `onCut`, where a gzip stream is broken: what came before is given. */
export async function* fileChunks(path: string, onCut: (message: string) => void): AsyncGenerator<Uint8Array> {
  const file = await open(path).catch((error: unknown) => {
    throw new CaptureUnreadableError(path, error);
  });
  try {
    const magic = await firstBytes(file);
    const raw = file.createReadStream({ highWaterMark: CHUNK_BYTES, autoClose: false });
    if (magic[0] !== 0x1f || magic[1] !== 0x8b) {
      if (magic.length > 0) yield magic;
      yield* raw as AsyncIterable<Uint8Array>;
      return;
    }
    const unzip = createGunzip({ chunkSize: CHUNK_BYTES });
    raw.on("error", (error) => unzip.destroy(error));
    unzip.write(magic);
    raw.pipe(unzip);
    try {
      yield* unzip as AsyncIterable<Uint8Array>;
    } catch (error) {
      onCut(messageOf(error));
    } finally {
      raw.destroy();
    }
  } catch (error) {
    throw error instanceof CaptureUnreadableError ? error : new CaptureUnreadableError(path, error);
  } finally {
    await file.close();
  }
}

/** Two of them, or fewer where it is shorter. A pipe has no places to read from: what is read once is gone. */
async function firstBytes(file: FileHandle): Promise<Uint8Array> {
  const bytes = new Uint8Array(2);
  let length = 0;
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, null);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}
