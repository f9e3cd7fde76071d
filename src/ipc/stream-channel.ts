/**
 * A message channel over a stream, one JSON text a line: for threads of the worker that speak to the broker by
 * themselves, so that what they ask for never passes through the main thread.
 */
import type { Duplex } from "node:stream";
import type { Channel } from "./channel.ts";

/** Nothing that one of us sends is longer: a mebibyte in base64, or a long list of mappings. */
const LINE_LIMIT_BYTES = 16 << 20;
const NEWLINE = 10;

export function streamChannel<Sent, Received>(stream: Duplex): Channel<Sent, Received> {
  let listener: (message: Received) => void = () => {};
  let onClose: () => void = () => {};
  let parts: Buffer[] = [];
  let lengthBytes = 0;
  stream.on("data", (chunk: Buffer) => {
    for (let rest = chunk; rest.length > 0; ) {
      const end = rest.indexOf(NEWLINE);
      const part = end < 0 ? rest : rest.subarray(0, end);
      parts.push(part);
      lengthBytes += part.length;
      if (lengthBytes > LINE_LIMIT_BYTES) {
        stream.destroy();
        return;
      }
      if (end < 0) return;
      const line = Buffer.concat(parts).toString("utf8");
      parts = [];
      lengthBytes = 0;
      rest = rest.subarray(end + 1);
      const message = parse(line);
      if (message !== undefined) listener(message as Received);
    }
  });
  stream.on("error", () => stream.destroy());
  stream.on("close", () => onClose());
  return {
    send: (message) => {
      if (stream.destroyed) return false;
      stream.write(`${JSON.stringify(message)}\n`);
      return true;
    },
    onMessage: (next) => {
      listener = next;
    },
    onClose: (next) => {
      onClose = next;
    },
  };
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
