/** What both protocols of memcached share. */
import type { Message, MessageRole } from "../protocol.ts";

export interface MemcachedMessage extends Message {
  readonly command: string;
  readonly key: string | undefined;
  readonly keyCount: number;
  /** Responses: the first word of the line, or the name of the status. */
  status: string | undefined;
  isError: boolean;
}

export interface MemcachedState {
  /** Commands that wait for their answer: the text ones' names; of binary ones opcode and opaque. */
  pending: { readonly command: string; readonly opaque: number; readonly isQuiet: boolean }[];
  reply: MemcachedMessage | undefined;
}

const MAX_PENDING = 1024;

export function memcachedMessage(role: MessageRole, command: string, key?: string, keyCount = 0): MemcachedMessage {
  return { role, id: undefined, command, key, keyCount, status: undefined, isError: false };
}

export function enqueueMemcached(state: MemcachedState, command: string, opaque: number, isQuiet: boolean): void {
  if (state.pending.length >= MAX_PENDING) state.pending.shift();
  state.pending.push({ command, opaque, isQuiet });
}
