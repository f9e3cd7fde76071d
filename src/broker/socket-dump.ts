import type { SocketFacts } from "../ipc/messages.ts";

export function dumpSockets(): readonly SocketFacts[] {
  return [];
}
