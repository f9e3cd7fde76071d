/** Which broker leads which partition of a topic, and the connections to the brokers. */
import { messageOf } from "../../error.ts";
import { type BrokerAddress, metadata, type PartitionMetadata, writeMetadata } from "./apis.ts";
import { BrokerConnection, type ConnectionOptions } from "./broker-connection.ts";
import { KafkaError, KafkaErrorCode, TopicError } from "./error.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ClusterOptions {
  readonly brokers: readonly Address[];
  readonly topic: string;
  readonly mayCreateTopic: boolean;
  readonly refreshMs: number;
  readonly connection: Omit<ConnectionOptions, "host" | "port">;
  readonly now: () => number;
}

interface KnownConnection {
  readonly opening: Promise<BrokerConnection>;
  /** undefined until it is open. */
  connection: BrokerConnection | undefined;
}

/** The partitions of the topic; an index is the partition's number. */
export interface Topic {
  readonly partitionCount: number;
  /** Those that have a leader. */
  readonly available: readonly number[];
  leaderOf(partition: number): Address | undefined;
}

export class Cluster {
  readonly #options: ClusterOptions;
  readonly #connections = new Map<string, KnownConnection>();
  /** Brokers that a cluster has named, to be asked when the configured ones are gone. */
  #known: readonly Address[] = [];
  #topic: { readonly value: Topic; readonly readAtMs: number } | undefined;
  #reading: Promise<Topic> | undefined;
  #turn = 0;
  #isClosed = false;

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  /** @throws KafkaError that names each broker and what is wrong with it; TopicError */
  async topic(): Promise<Topic> {
    const { now, refreshMs } = this.#options;
    if (this.#topic !== undefined && now() - this.#topic.readAtMs < refreshMs) return this.#topic.value;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return await this.#reading;
  }

  /** The leaders may be others by now. */
  forgetTopic(): void {
    this.#topic = undefined;
  }

  /** One for each broker, whoever asks. */
  connectionTo(address: Address): Promise<BrokerConnection> {
    const key = `${address.host} ${address.port}`;
    const known = this.#connections.get(key);
    if (known !== undefined && known.connection?.isOpen !== false) return known.opening;
    const made: KnownConnection = {
      opening: BrokerConnection.open({ ...this.#options.connection, ...address }),
      connection: undefined,
    };
    this.#connections.set(key, made);
    made.opening.then(
      (connection) => {
        made.connection = connection;
        if (this.#isClosed) connection.close(new Error("closed"));
      },
      () => {
        if (this.#connections.get(key) === made) this.#connections.delete(key);
      },
    );
    return made.opening;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { connection } of this.#connections.values()) connection?.close(new Error("closed"));
  }

  /** Another broker first each time, so that one that hangs does not hold up every attempt. */
  async #read(): Promise<Topic> {
    const all = [...this.#options.brokers, ...this.#known];
    const first = this.#turn++ % all.length;
    const reasons = new Set<string>();
    let code: KafkaErrorCode = KafkaErrorCode.broker;
    for (const address of [...all.slice(first), ...all.slice(0, first)]) {
      try {
        const value = await this.#ask(address);
        this.#topic = { value, readAtMs: this.#options.now() };
        return value;
      } catch (error) {
        if (error instanceof TopicError) throw error;
        reasons.add(messageOf(error));
        if (error instanceof KafkaError) code = error.code;
      }
    }
    throw new KafkaError(code, [...reasons].join("; "));
  }

  async #ask(address: Address): Promise<Topic> {
    const { topic, mayCreateTopic } = this.#options;
    const connection = await this.connectionTo(address);
    const answer = await connection.request(metadata, (request) => writeMetadata(request, topic, mayCreateTopic));
    const found = answer.topics.find(({ name }) => name === topic);
    if (found === undefined || found.errorCode !== 0) throw new TopicError(topic, found?.errorCode ?? 3);
    if (found.partitions.length === 0) throw new TopicError(topic, 5);
    this.#known = answer.brokers.filter(({ host, port }) => host !== "" && port > 0);
    return topicOf(found.partitions, answer.brokers);
  }
}

function topicOf(partitions: readonly PartitionMetadata[], brokers: readonly BrokerAddress[]): Topic {
  const leaders = new Map<number, Address>();
  for (const { index, leader } of partitions) {
    const broker = brokers.find(({ id }) => id === leader);
    if (broker !== undefined) leaders.set(index, { host: broker.host, port: broker.port });
  }
  const available = [...leaders.keys()].sort((a, b) => a - b);
  return { partitionCount: partitions.length, available, leaderOf: (partition) => leaders.get(partition) };
}
