import { promisify } from "node:util";
import { deflate, gzip } from "node:zlib";
import { FrameEncoder } from "../../mapping/trident/wire/frame.ts";
import { compressBody, prepareCompression } from "../../trident/compression.ts";
import type { HttpCompression } from "./otlp-http-settings.ts";

/** To be awaited before privileges are dropped: zstd is read from a file. */
export async function prepareHttpCompression(compression: HttpCompression): Promise<void> {
  if (compression === "zstd") await prepareCompression();
}

/** The body as the Content-Encoding of the same name means it; `deflate` is zlib's format (RFC 9110, 8.4.1.2). */
export async function compressHttp(body: Uint8Array, compression: HttpCompression): Promise<Uint8Array> {
  switch (compression) {
    case "gzip":
      return await zipped(body, fastest);
    case "zlib":
    case "deflate":
      return await deflated(body, fastest);
    case "zstd":
      return compressBody(FrameEncoder.zstd, body);
    case "none":
      return body;
  }
}

const fastest = { level: 1 };
const zipped = promisify<Uint8Array, { level: number }, Buffer>(gzip);
const deflated = promisify<Uint8Array, { level: number }, Buffer>(deflate);
