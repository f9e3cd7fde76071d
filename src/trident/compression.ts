/** Bodies of data-plane frames, compressed and not. Bounded: a small frame must not unfold into all of the memory. */
import { deflateSync, gunzipSync, gzipSync, inflateSync } from "node:zlib";
import { compress, decompress, init } from "@bokuweb/zstd-wasm";
import { FrameEncoder } from "../mapping/trident/wire/frame.ts";

const ZSTD_MAGIC = 0xfd2fb528;
/** Most frames unfold into less; the rest is tried again with the whole limit. */
const ZSTD_FIRST_TRY_BYTES = 1 << 20;
/** As the senders do: 1 is a third faster than 3 for a few per cent. */
const ZSTD_LEVEL = 1;

let isReady: Promise<void> | undefined;

/** Loads zstd; to be awaited before the first call. It reads a file, so before privileges are dropped. */
export function prepareCompression(): Promise<void> {
  isReady ??= init();
  return isReady;
}

/** undefined when the bytes are not what the encoder says, unfold beyond the limit, or the encoder is unknown. */
export function decompressBody(encoder: number, body: Uint8Array, maxBytes: number): Uint8Array | undefined {
  try {
    switch (encoder) {
      case FrameEncoder.raw:
        return body;
      case FrameEncoder.zlib:
        return inflateSync(body, { maxOutputLength: maxBytes });
      case FrameEncoder.gzip:
        return gunzipSync(body, { maxOutputLength: maxBytes });
      case FrameEncoder.zstd:
        return unfoldZstd(body, maxBytes);
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}

export function compressBody(encoder: FrameEncoder, body: Uint8Array): Uint8Array {
  switch (encoder) {
    case FrameEncoder.raw:
      return body;
    case FrameEncoder.zlib:
      return deflateSync(body);
    case FrameEncoder.gzip:
      return gzipSync(body);
    case FrameEncoder.zstd:
      return compress(body as Buffer, ZSTD_LEVEL);
  }
}

function unfoldZstd(body: Uint8Array, maxBytes: number): Uint8Array | undefined {
  const declared = zstdContentSize(body);
  if (declared === "malformed" || (declared !== undefined && declared > maxBytes)) return undefined;
  if (declared !== undefined) return decompress(body as Buffer);
  const first = Math.min(ZSTD_FIRST_TRY_BYTES, maxBytes);
  try {
    return decompress(body as Buffer, { defaultHeapSize: first });
  } catch (error) {
    if (first === maxBytes) throw error;
    return decompress(body as Buffer, { defaultHeapSize: maxBytes });
  }
}

/** RFC 8878, 3.1.1.1: what the first frame says of its content, checked before the library allocates by it. */
function zstdContentSize(body: Uint8Array): number | undefined | "malformed" {
  if (body.length < 6) return "malformed";
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  if (view.getUint32(0, true) !== ZSTD_MAGIC) return "malformed";
  const descriptor = view.getUint8(4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  if (sizeFlag === 0 && !isSingleSegment) return undefined;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const offset = 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes;
  const width = sizeFlag === 0 ? 1 : 2 ** sizeFlag;
  if (offset + width > body.length) return "malformed";
  if (width === 1) return view.getUint8(offset);
  if (width === 2) return view.getUint16(offset, true) + 256;
  return width === 4 ? view.getUint32(offset, true) : Number(view.getBigUint64(offset, true));
}
