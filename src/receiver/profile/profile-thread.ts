/**
 * Entry of the profiler's thread: empties its ring, keeps the unwinding tables, and gives samples to the receiver. It
 * speaks to the broker by itself, so that nothing of this waits for, or holds up, the path of spans.
 */
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import type { MapDescriptor } from "../../bpf/map.ts";
import { arraySizeBytes, mapArray, writeArray } from "../../bpf/mapped-array.ts";
import { mapRingBuffer } from "../../bpf/ring-buffer.ts";
import { BrokerClient } from "../../ipc/broker-client.ts";
import { streamChannel } from "../../ipc/stream-channel.ts";
import { collectStartUpGarbage } from "../../start-up-garbage.ts";
import { endsWithin } from "../ends-within.ts";
import { CpythonFrames } from "../interpreters/cpython-frames.ts";
import { JvmFrames } from "../interpreters/jvm-frames.ts";
import { V8Frames } from "../interpreters/v8-frames.ts";
import { OtelContexts } from "../otel-context/otel-contexts.ts";
import { brokerProcess, mappedFile, processMemory } from "../runtimes/broker-process.ts";
import type { MemoryMapping } from "../runtimes/process-view.ts";
import { ImageReader } from "../unwind/image-reader.ts";
import { ImageTable, type RowMemory } from "../unwind/image-table.ts";
import { MappingTable } from "../unwind/mapping-table.ts";
import { ProcessUnwinding } from "../unwind/process-unwinding.ts";
import { packSamples, transferOf } from "./pack-samples.ts";
import type { ProfileMessage, ProfileOrder, ProfileThreadData } from "./profile-message.ts";
import { RecordReader, type ScriptNames } from "./record-reader.ts";

/** Names of what has just run are read at once. */
const LOOK_INTERVAL_MS = 100;
/** The receiver waits for longer than that before it does anything with a sample; processes that start or end are told at once. */
const TELL_INTERVAL_MS = 250;
const STRETCH_BYTES = 1 << 20;
/** Programs that are described before the first sample, at once. */
const PARALLEL_DESCRIPTIONS = 4;

type Port = NonNullable<typeof parentPort>;

const now = () => performance.now();

function run(data: ProfileThreadData, port: Port): void {
  const client = new BrokerClient(streamChannel(new Socket({ fd: data.channelFd })));
  const { ring } = mapRingBuffer(data.capture.ring.fd, data.capture.ring.maxEntries);
  const parts = unwindingParts(client, data);
  const { records, unwinding } = parts;
  const say = (message: ProfileMessage, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
  let lastTellMs = 0;
  const tell = (timestampNs: number) => {
    lastTellMs = now();
    const { samples, ...rest } = records.take();
    const packed = packSamples(samples);
    say({ kind: "batch", samples: packed, ...rest, timestampNs, counters: countersOf(parts) }, transferOf(packed));
  };
  const look = (isLast: boolean) => {
    // Before the look: what is submitted during it may be missed.
    const timestampNs = Number(process.hrtime.bigint());
    for (let stretch = ring.peek(STRETCH_BYTES); stretch.length > 0; stretch = ring.peek(STRETCH_BYTES)) {
      records.read(new DataView(stretch.buffer, stretch.byteOffset, stretch.length));
      ring.release(stretch.length);
    }
    if (isLast || records.hasChanges || now() - lastTellMs >= TELL_INTERVAL_MS) tell(timestampNs);
  };
  const timer = setInterval(() => look(false), LOOK_INTERVAL_MS);
  port.on("message", (order: ProfileOrder) => {
    if (order.kind === "describe") void describeAll(unwinding, order.tgids).then(() => say({ kind: "described" }));
    else {
      clearInterval(timer);
      look(true);
      void endsWithin(records.settled(), order.limitMs).then(() => {
        look(true);
        say({ kind: "ended", unnamed: records.unnamed });
        port.close();
      });
    }
  });
  collectStartUpGarbage();
  say({ kind: "ready" });
}

interface UnwindingParts {
  readonly mappings: MappingTable;
  readonly images: ImageTable;
  readonly reader: ImageReader;
  readonly unwinding: ProcessUnwinding;
  readonly records: RecordReader;
}

/** What keeps the kernel's tables of a process, and what turns its records into samples. */
function unwindingParts(client: BrokerClient, data: ProfileThreadData): UnwindingParts {
  const mappings = new MappingTable(mapArray(mapOf(data, "unwind_mappings")).bytes);
  const images = new ImageTable(rowMemory(mapOf(data, "unwind_rows")), (place) => mappings.withdrawRows(place));
  const reader = new ImageReader(images, data.rowLimit);
  const { python, v8, java } = interpretersOf(client);
  const access = {
    mappings: (tgid: number) => client.request({ type: "process_mappings", tgid }),
    file: (tgid: number, mapping: MemoryMapping) => mappedFile(client, tgid, mapping),
    memory: (tgid: number, address: number, lengthBytes: number) => processMemory(client, tgid, address, lengthBytes),
  };
  const contexts = new OtelContexts({
    ...access,
    write: (tgid, value) => client.request(mapWrite("thread_contexts", tgid, value)),
    onResource: (tgid, attributes) => records.described(tgid, attributes),
    now,
  });
  const unwinding = new ProcessUnwinding({
    access: { ...access, describe: (tgid, value) => client.request(mapWrite("process_mappings", tgid, value)) },
    mappings,
    images: reader,
    now,
    onMappings: (tgid, all) =>
      Promise.allSettled([python.look(tgid, all), v8.look(tgid, all), java.look(tgid, all), contexts.found(tgid, all)]),
  });
  const [own, only] = [new Set(data.ownTgids), new Set(data.onlyTgids)];
  const records = new RecordReader({
    unwinding,
    interpreters: python,
    scripts: scriptNames(v8, java),
    contexts,
    isWanted: (tgid) => !own.has(tgid) && (only.size === 0 || only.has(tgid)),
    isOwn: (tgid) => own.has(tgid),
  });
  return { mappings, images, reader, unwinding, records };
}

function interpretersOf(client: BrokerClient) {
  const view = (tgid: number, executable: string) => brokerProcess(client, tgid, executable);
  const writer = (map: string) => (tgid: number, value: Uint8Array) => client.request(mapWrite(map, tgid, value));
  return {
    python: new CpythonFrames({ view, write: writer("interpreters"), now }),
    v8: new V8Frames({ view, write: writer("script_engines"), now }),
    java: new JvmFrames({
      view,
      write: writer("java_engines"),
      now,
      wait: (ms) => sleep(ms, undefined, { ref: false }),
    }),
  };
}

function scriptNames(v8: V8Frames, java: JvmFrames): ScriptNames {
  return {
    resolve: (tgid, frames) => (v8.functionsOf(tgid) ?? java.functionsOf(tgid))?.resolve(frames) ?? [],
    exited: (tgid) => {
      v8.exited(tgid);
      java.exited(tgid);
    },
  };
}

function countersOf({ mappings, images, reader, unwinding, records }: UnwindingParts) {
  return {
    ends: { ...records.ends },
    unexplained: records.unexplained,
    imagesCompiled: reader.compiled,
    imagesRefused: images.refused,
    processesDescribed: unwinding.described,
    processesRefused: unwinding.refused,
    processesPending: unwinding.pending,
    rowsUsed: images.usedRows,
    mappingsUsed: mappings.usedCount,
  };
}

async function describeAll(unwinding: ProcessUnwinding, tgids: readonly number[]): Promise<void> {
  const queue = [...tgids];
  const work = async () => {
    for (let tgid = queue.shift(); tgid !== undefined; tgid = queue.shift()) await unwinding.describe(tgid);
  };
  await Promise.all(Array.from({ length: PARALLEL_DESCRIPTIONS }, work));
}

function mapOf({ capture }: ProfileThreadData, name: string): MapDescriptor {
  const descriptor = capture.maps.find((map) => map.name === name);
  if (descriptor === undefined) throw new Error(`the broker gave no map ${name}`);
  return descriptor;
}

function rowMemory(map: MapDescriptor): RowMemory {
  return { sizeBytes: arraySizeBytes(map), write: (offset, bytes) => writeArray(map, offset, bytes) };
}

function mapWrite(map: string, tgid: number, value: Uint8Array) {
  const key = Buffer.from(Uint32Array.of(tgid).buffer).toString("base64");
  return { type: "map_write" as const, map, entries: [{ key, value: Buffer.from(value).toString("base64") }] };
}

const port = parentPort;
if (port !== null) {
  try {
    run(workerData as ProfileThreadData, port);
  } catch (error) {
    port.postMessage({ kind: "failed", message: String(error) } satisfies ProfileMessage);
  }
}
