import { codedMessageOf } from "../../error.ts";
import { AttemptLimit } from "../attempt-limit.ts";
import type { QueuedRequest, Sender, SendOutcome } from "../queue/send-outcome.ts";
import { produce, writeProduce } from "./apis.ts";
import { type Address, Cluster, type ClusterOptions, type Topic } from "./cluster.ts";
import { TopicError } from "./error.ts";
import { type BrokerError, brokerError, ErrorKind } from "./error-codes.ts";
import type { CountedMessage, MessagesOf } from "./messages.ts";
import { Partitioner } from "./partitioner.ts";
import { BATCH_OVERHEAD_BYTES, type BatchOptions, encodeBatch, recordSizeBytes } from "./record-batch.ts";

/** Of a key (a trace id) and of what is around a value in its record, on the high side. */
const MESSAGE_OVERHEAD_BYTES = 64;

interface KafkaSenderOptions {
  readonly cluster: Omit<ClusterOptions, "connection"> & {
    /** Reads keys and certificates. */
    readonly connection: () => Promise<ClusterOptions["connection"]>;
  };
  readonly messagesOf: MessagesOf;
  readonly acks: -1 | 0 | 1;
  readonly timeoutMs: number;
  readonly maxMessageBytes: number;
  readonly maxMessages: number;
  readonly batch: Omit<BatchOptions, "timestampMs">;
}

interface Batch {
  readonly partition: number;
  readonly messages: CountedMessage[];
  sizeBytes: number;
}

/** What a broker, or the way to it, says of some of a request's messages. */
interface Failure {
  readonly error: BrokerError;
  readonly messages: readonly CountedMessage[];
}

/** One produce request for each leader; a request is sent when every partition has said so. */
export class KafkaSender implements Sender<Uint8Array> {
  readonly maxSizeBytes: number;
  readonly #options: KafkaSenderOptions;
  readonly #partitioner = new Partitioner();
  /** What a broker has taken of a request that has to be tried again: the place of each of its messages. */
  readonly #taken = new WeakMap<Uint8Array, Set<number>>();
  #cluster: Cluster | undefined;

  constructor(options: KafkaSenderOptions) {
    this.#options = options;
    const headers = recordSizeBytes({ key: undefined, value: new Uint8Array(0) }, options.batch.headers);
    this.maxSizeBytes = options.maxMessageBytes - BATCH_OVERHEAD_BYTES - MESSAGE_OVERHEAD_BYTES - headers;
  }

  async start(): Promise<void> {
    const { cluster } = this.#options;
    this.#cluster = new Cluster({ ...cluster, connection: await cluster.connection() });
  }

  async send(request: QueuedRequest<Uint8Array>, signal: AbortSignal): Promise<SendOutcome> {
    const { timeoutMs } = this.#options;
    const limit = new AttemptLimit(signal, timeoutMs);
    try {
      return await unlessAborted(this.#send(request), limit.signal);
    } catch (error) {
      if (error instanceof TopicError && error.isPermanent) return { kind: "permanent", reason: codedMessageOf(error) };
      const reason = limit.isOver ? `no answer within ${timeoutMs} ms` : codedMessageOf(error);
      // Who is late may be gone.
      this.#cluster?.forgetTopic();
      return { kind: "retry", reason, serverDelayMs: undefined };
    } finally {
      limit.end();
    }
  }

  async close(): Promise<void> {
    await this.#cluster?.close();
  }

  async #send(request: QueuedRequest<Uint8Array>): Promise<SendOutcome> {
    const { messagesOf, maxMessageBytes, batch } = this.#options;
    const all = messagesOf(request);
    for (const message of all) {
      const sizeBytes = BATCH_OVERHEAD_BYTES + recordSizeBytes(message, batch.headers);
      if (sizeBytes <= maxMessageBytes) continue;
      return { kind: "too_large", reason: `a message of ${sizeBytes} bytes, max_message_bytes is ${maxMessageBytes}` };
    }
    const taken = this.#taken.get(request.body);
    const messages = taken === undefined ? all : all.filter((_, index) => !taken.has(index));
    const failures = await this.#produceAll(messages);
    if (failures.length === 0) return { kind: "sent", rejectedItems: 0, message: "" };
    const failed = new Set(failures.flatMap((failure) => failure.messages));
    this.#taken.set(request.body, new Set(all.flatMap((message, index) => (failed.has(message) ? [] : [index]))));
    return outcomeOf(failures, request.itemCount);
  }

  async #produceAll(messages: readonly CountedMessage[]): Promise<Failure[]> {
    const cluster = this.#cluster;
    if (cluster === undefined) throw new Error("the exporter was not started");
    const topic = await cluster.topic();
    const { batches, failures } = this.#batches(messages, topic);
    const byLeader = new Map<string, { readonly leader: Address; readonly batches: Batch[] }>();
    for (const each of batches) {
      const leader = topic.leaderOf(each.partition)!;
      const key = `${leader.host} ${leader.port}`;
      const found = byLeader.get(key);
      if (found === undefined) byLeader.set(key, { leader, batches: [each] });
      else found.batches.push(each);
    }
    const found = await Promise.all([...byLeader.values()].map((each) => this.#produceTo(each.leader, each.batches)));
    return [...failures, ...found.flat()];
  }

  #batches(messages: readonly CountedMessage[], topic: Topic): { batches: Batch[]; failures: Failure[] } {
    const { maxMessageBytes, maxMessages, batch } = this.#options;
    const batches: Batch[] = [];
    const open = new Map<number, Batch>();
    const failures: Failure[] = [];
    for (const message of messages) {
      const partition = this.#partitioner.choose(message.key, topic);
      if (partition === undefined) {
        failures.push({ error: brokerError(5), messages: [message] });
        continue;
      }
      const sizeBytes = recordSizeBytes(message, batch.headers);
      const current = open.get(partition);
      const isFull = maxMessages > 0 && current?.messages.length === maxMessages;
      if (current !== undefined && !isFull && current.sizeBytes + sizeBytes <= maxMessageBytes) {
        current.messages.push(message);
        current.sizeBytes += sizeBytes;
        continue;
      }
      const made: Batch = { partition, messages: [message], sizeBytes: BATCH_OVERHEAD_BYTES + sizeBytes };
      open.set(partition, made);
      batches.push(made);
    }
    return { batches, failures };
  }

  /** A request has one batch of each partition: more of them follow in further requests. */
  async #produceTo(leader: Address, batches: readonly Batch[]): Promise<Failure[]> {
    const failures: Failure[] = [];
    let left = batches;
    while (left.length > 0) {
      const now = new Map<number, Batch>();
      for (const each of left) if (!now.has(each.partition)) now.set(each.partition, each);
      const round = [...now.values()];
      left = left.filter((each) => !round.includes(each));
      try {
        failures.push(...(await this.#produce(leader, round)));
      } catch (error) {
        const messages = [...round, ...left].flatMap((each) => each.messages);
        this.#cluster?.forgetTopic();
        return [...failures, { error: { kind: ErrorKind.retry, text: codedMessageOf(error) }, messages }];
      }
    }
    return failures;
  }

  async #produce(leader: Address, round: readonly Batch[]): Promise<Failure[]> {
    const { acks, timeoutMs, cluster, batch } = this.#options;
    const timestampMs = Date.now();
    const batches = await Promise.all(
      round.map(async ({ partition, messages }) => ({
        partition,
        bytes: await encodeBatch(messages, { ...batch, timestampMs }),
      })),
    );
    const connection = await this.#cluster!.connectionTo(leader);
    const api = produce(batch.compression === "zstd" ? 7 : 3);
    const request = { acks, timeoutMs: timeoutMs === 0 ? 30_000 : Math.ceil(timeoutMs), topic: cluster.topic, batches };
    if (acks === 0) {
      await connection.tell(api, (writer) => writeProduce(writer, request));
      return [];
    }
    const { partitions } = await connection.request(api, (writer) => writeProduce(writer, request));
    return round.flatMap(({ partition, messages }) => {
      const code = partitions.find(({ index }) => index === partition)?.errorCode ?? -1;
      if (code === 0) return [];
      const error = brokerError(code);
      if (error.kind === ErrorKind.retry) this.#cluster?.forgetTopic();
      return [{ error, messages }];
    });
  }
}

/** What can be tried again comes first: what is refused for good is then refused again. */
function outcomeOf(failures: readonly Failure[], itemCount: number): SendOutcome {
  const first = (kind: ErrorKind) => failures.find(({ error }) => error.kind === kind)?.error.text;
  const retry = first(ErrorKind.retry);
  if (retry !== undefined) return { kind: "retry", reason: retry, serverDelayMs: undefined };
  const tooLarge = first(ErrorKind.tooLarge);
  if (tooLarge !== undefined) return { kind: "too_large", reason: tooLarge };
  const reason = first(ErrorKind.permanent) ?? "refused";
  const rejectedItems = failures
    .flatMap(({ messages }) => messages)
    .reduce((sum, message) => sum + message.itemCount, 0);
  if (rejectedItems >= itemCount) return { kind: "permanent", reason };
  return { kind: "sent", rejectedItems, message: reason };
}

/** The promise itself goes on: what a broker says later is not heard. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new Error("given up"));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
