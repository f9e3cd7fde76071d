/**
 * Entry of the drain thread: copies finished records out of the ring into buffers that it gives away, and nothing else,
 * so that the ring is emptied however long a parser takes. It blocks in poll(2) rather than in an event loop.
 */
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { waitReadable } from "../../bpf/readable.ts";
import { mapRingBuffer, type RingBuffer } from "../../bpf/ring-buffer.ts";
import type { DrainMessage, DrainOrder, DrainThreadData } from "./drain-message.ts";
import { DrainPace } from "./drain-pace.ts";

const port = parentPort;
if (port !== null) {
  try {
    drain(workerData as DrainThreadData, port);
  } catch (error) {
    port.postMessage({ kind: "failed", message: String(error) } satisfies DrainMessage);
  }
}

function drain(data: DrainThreadData, port: NonNullable<typeof parentPort>): void {
  const { ring } = mapRingBuffer(data.ring.fd, data.ring.maxEntries);
  const pace = new DrainPace(ring.sizeBytes);
  const free: ArrayBuffer[] = [];
  for (let i = 0; i < data.batchCount; i++) free.push(new ArrayBuffer(data.batchSizeBytes));
  const say = (message: DrainMessage, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

  say({ kind: "ready" });
  for (let isStopping = false; ; ) {
    isStopping = takeOrders(port, free) || isStopping;
    const startNs = Number(process.hrtime.bigint());
    const found = copyOut(ring, free, say, startNs);
    const isDrained = ring.pendingBytes === 0 || ring.isHeadBusy;
    if (found === 0 && isDrained) {
      say({ kind: "idle", timestampNs: startNs });
      if (isStopping) break;
    }
    // With no free buffer only our owner can help; with a busy head poll(2) would return at once.
    const canPoll = isDrained && !ring.isHeadBusy && !pace.isBusy(found) && free.length > 0;
    waitReadable(canPoll ? data.ring.fd : undefined, pace.next(found));
  }
  say({ kind: "ended" });
}

/** @returns whether it shall end */
function takeOrders(port: NonNullable<typeof parentPort>, free: ArrayBuffer[]): boolean {
  let isStopping = false;
  for (;;) {
    const received = receiveMessageOnPort(port) as { message: DrainOrder } | undefined;
    if (received === undefined) return isStopping;
    if (received.message.kind === "stop") isStopping = true;
    else free.push(received.message.buffer);
  }
}

/** One look: what is in the ring now, as far as there are buffers. @returns bytes */
function copyOut(
  ring: RingBuffer,
  free: ArrayBuffer[],
  say: (message: DrainMessage, transfer: ArrayBuffer[]) => void,
  timestampNs: number,
): number {
  let found = 0;
  for (let buffer = free.pop(); buffer !== undefined; buffer = free.pop()) {
    const stretch = ring.peek(buffer.byteLength);
    if (stretch.length === 0 || stretch.length > buffer.byteLength) {
      free.push(buffer);
      if (stretch.length > 0) throw new Error(`a record of ${stretch.length} bytes is larger than a batch`);
      return found;
    }
    new Uint8Array(buffer).set(stretch);
    ring.release(stretch.length);
    found += stretch.length;
    say({ kind: "batch", buffer, lengthBytes: stretch.length, timestampNs }, [buffer]);
  }
  return found;
}
