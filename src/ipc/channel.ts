/** One end of a message channel between two processes: child_process IPC, or a pair in tests. */
export interface Channel<Sent, Received> {
  /** @returns false when the other end is gone */
  send(message: Sent): boolean;
  onMessage(listener: (message: Received) => void): void;
  onClose(listener: () => void): void;
}

/** The channel of this process to the one that spawned it. */
export function parentChannel<Sent, Received>(): Channel<Sent, Received> {
  return {
    send: (message) => process.connected && (process.send?.(message) ?? false),
    onMessage: (listener) => process.on("message", (message) => listener(message as Received)),
    onClose: (listener) => process.on("disconnect", listener),
  };
}
