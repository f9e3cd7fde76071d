/**
 * Entry of the drain thread: copies finished records out of the ring into buffers that it gives away, and says
 * which programs begin, so that the ring is emptied however long a parser takes. It blocks in poll(2) rather than in an event loop.
 */
import { constants, setPriority } from "node:os";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { mapArray } from "../../bpf/mapped-array.ts";
import { waitReadable } from "../../bpf/readable.ts";
import { mapRingBuffer } from "../../bpf/ring-buffer.ts";
import { BatchPool } from "./batch-pool.ts";
import { BEHIND_BATCHES, copyOut } from "./copy-out.ts";
import type { DrainMessage, DrainOrder, DrainThreadData } from "./drain-message.ts";
import { DrainPace } from "./drain-pace.ts";
import { Overload } from "./overload.ts";
import { processNews } from "./process-news.ts";

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
  const pause = mapArray(data.pause).bytes;
  const overload = new Overload(ring.sizeBytes);
  const pool = new BatchPool(data.batchSizeBytes, data.batchCount, data.maxBatchCount);
  preferThisThread();
  const say = (message: DrainMessage, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

  say({ kind: "ready" });
  // On a busy host records never cease: it ends with those that were there when it was told to.
  for (let leftBytes = Number.POSITIVE_INFINITY; ; ) {
    const isStopping = takeOrders(port, pool) || Number.isFinite(leftBytes);
    if (isStopping) leftBytes = Math.min(leftBytes, ring.pendingBytes);
    const timestampNs = Number(process.hrtime.bigint());
    const give = (buffer: ArrayBuffer, lengthBytes: number) => {
      const news = processNews(new DataView(buffer), lengthBytes);
      if (news !== undefined) say({ kind: "news", records: news }, [news.buffer]);
      say({ kind: "batch", buffer, lengthBytes, timestampNs }, [buffer]);
    };
    const found = copyOut(ring, pool, give, isStopping ? 0 : data.batchSizeBytes);
    leftBytes -= found;
    if (!isStopping) {
      const isSmall = pool.lentCount < BEHIND_BATCHES;
      const backlog = { pendingBytes: ring.pendingBytes, isFull: !pool.hasRoom, isSmall };
      const wasPaused = overload.isPaused;
      const fromNs = overload.look(backlog, timestampNs);
      if (overload.isPaused !== wasPaused) pause[0] = overload.isPaused ? 1 : 0;
      if (overload.isPaused && !wasPaused) say({ kind: "overloaded" });
      if (fromNs !== undefined) say({ kind: "pause", fromNs, toNs: Number(process.hrtime.bigint()) });
    }
    const isDrained = ring.pendingBytes === 0 || ring.isHeadBusy;
    if (found === 0 && isDrained && pace.isTold) say({ kind: "idle", timestampNs });
    if (leftBytes <= 0) break;
    // With no free buffer only our owner can help; with a busy head poll(2) would return at once.
    const canPoll = isDrained && !ring.isHeadBusy && !pace.isBusy(found) && pool.hasRoom;
    waitReadable(canPoll ? data.ring.fd : undefined, pace.next(found));
  }
  say({ kind: "ended" });
}

/**
 * Where all processors are busy the ring fills within a fraction of a second, and this thread needs a twentieth of one.
 * Without the right to it, it goes on as it is.
 */
function preferThisThread(): void {
  try {
    setPriority(0, constants.priority.PRIORITY_HIGH);
  } catch {
    // EACCES, EPERM: a container without CAP_SYS_NICE.
  }
}

/** @returns whether it shall end */
function takeOrders(port: NonNullable<typeof parentPort>, pool: BatchPool): boolean {
  let isStopping = false;
  for (;;) {
    const received = receiveMessageOnPort(port) as { message: DrainOrder } | undefined;
    if (received === undefined) return isStopping;
    if (received.message.kind === "stop") isStopping = true;
    else pool.giveBack(received.message.buffer);
  }
}
