import { Recognition, type Sender } from "../protocols/protocol.ts";
import type { AnyProtocol } from "../protocols/registry.ts";
import type { Stream } from "./stream.ts";

/** Index in the view, at or after `from`, where a message may start after a gap; -1 if none is in sight. */
export function boundaryIn(
  protocol: AnyProtocol,
  state: unknown,
  stream: Stream,
  from: number,
  sender: Sender,
): number {
  const view = stream.view();
  if (!protocol.resyncsAtCallStart) return protocol.findBoundary(view, from, sender, state);
  const position = stream.position;
  let offset = stream.startAt(position + from);
  while (offset >= 0) {
    const index = offset - position;
    if (protocol.findBoundary(view, index, sender, state) === index) return index;
    offset = stream.startAt(offset + 1);
  }
  return -1;
}

/** The first bytes that were ever seen of a direction are the start of a call: what fits there is believed. */
export function mayBegin(protocol: AnyProtocol, bytes: Uint8Array, sender: Sender, serverPort: number): boolean {
  const hint = { sender, serverPort, transport: "tcp", isStreamStart: false } as const;
  return protocol.recognize(bytes, hint) !== Recognition.no;
}
