/** The bytes of a file, piece by piece, unpacked when it is gzipped. */

import { open } from "node:fs/promises";
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
    const magic = new Uint8Array(2);
    const { bytesRead } = await file.read(magic, 0, 2, 0);
    const isGzip = bytesRead === 2 && magic[0] === 0x1f && magic[1] === 0x8b;
    const raw = file.createReadStream({ start: 0, highWaterMark: CHUNK_BYTES, autoClose: false });
    if (!isGzip) {
      yield* raw as AsyncIterable<Uint8Array>;
      return;
    }
    const unzip = createGunzip({ chunkSize: CHUNK_BYTES });
    raw.on("error", (error) => unzip.destroy(error));
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
