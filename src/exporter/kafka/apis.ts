/**
 * The requests of a producer and their answers, each in a version that every broker since 0.11 and none but old ones lack
 * (KIP-896 keeps them in 4.0), so that nothing depends on `protocol_version`.
 */
import type { WireReader } from "./wire-reader.ts";
import type { WireWriter } from "./wire-writer.ts";

export interface Api<Answer> {
  readonly key: number;
  readonly version: number;
  readonly name: string;
  read(answer: WireReader): Answer;
}

interface ApiRange {
  readonly key: number;
  readonly min: number;
  readonly max: number;
}

export const apiVersions: Api<{ errorCode: number; apis: readonly ApiRange[] }> = {
  key: 18,
  version: 0,
  name: "ApiVersions",
  read: (answer) => ({
    errorCode: answer.int16(),
    apis: answer.array(() => ({ key: answer.int16(), min: answer.int16(), max: answer.int16() })),
  }),
};

export interface BrokerAddress {
  readonly id: number;
  readonly host: string;
  readonly port: number;
}

export interface PartitionMetadata {
  readonly errorCode: number;
  readonly index: number;
  readonly leader: number;
}

interface TopicMetadata {
  readonly errorCode: number;
  readonly name: string;
  readonly partitions: readonly PartitionMetadata[];
}

interface Metadata {
  readonly brokers: readonly BrokerAddress[];
  readonly topics: readonly TopicMetadata[];
}

export const metadata: Api<Metadata> = {
  key: 3,
  version: 4,
  name: "Metadata",
  read: (answer) => {
    answer.int32();
    const brokers = answer.array(() => {
      const broker = { id: answer.int32(), host: answer.string() ?? "", port: answer.int32() };
      answer.string();
      return broker;
    });
    answer.string();
    answer.int32();
    return { brokers, topics: answer.array(() => readTopic(answer)) };
  },
};

function readTopic(answer: WireReader): TopicMetadata {
  const errorCode = answer.int16();
  const name = answer.string() ?? "";
  answer.int8();
  const partitions = answer.array(() => {
    const partition = { errorCode: answer.int16(), index: answer.int32(), leader: answer.int32() };
    answer.array(() => answer.int32());
    answer.array(() => answer.int32());
    return partition;
  });
  return { errorCode, name, partitions };
}

export function writeMetadata(request: WireWriter, topic: string, mayCreate: boolean): void {
  request.int32(1);
  request.string(topic);
  request.int8(mayCreate ? 1 : 0);
}

interface ProducedPartition {
  readonly index: number;
  readonly errorCode: number;
}

/** 7 is the first with zstd, and is written as 3 is. */
export function produce(version: 3 | 7): Api<{ partitions: readonly ProducedPartition[]; throttleMs: number }> {
  return {
    key: 0,
    version,
    name: "Produce",
    read: (answer) => {
      const partitions = answer
        .array(() => {
          answer.string();
          return answer.array(() => {
            const partition = { index: answer.int32(), errorCode: answer.int16() };
            answer.int64();
            answer.int64();
            if (version >= 5) answer.int64();
            return partition;
          });
        })
        .flat();
      return { partitions, throttleMs: answer.int32() };
    },
  };
}

interface ProduceRequest {
  readonly acks: number;
  readonly timeoutMs: number;
  readonly topic: string;
  readonly batches: readonly { readonly partition: number; readonly bytes: Uint8Array }[];
}

export function writeProduce(request: WireWriter, { acks, timeoutMs, topic, batches }: ProduceRequest): void {
  request.string(undefined);
  request.int16(acks);
  request.int32(timeoutMs);
  request.int32(1);
  request.string(topic);
  request.int32(batches.length);
  for (const { partition, bytes } of batches) {
    request.int32(partition);
    request.bytes(bytes);
  }
}

export const saslHandshake: Api<{ errorCode: number; mechanisms: readonly string[] }> = {
  key: 17,
  version: 1,
  name: "SaslHandshake",
  read: (answer) => ({ errorCode: answer.int16(), mechanisms: answer.array(() => answer.string() ?? "") }),
};

export const saslAuthenticate: Api<{ errorCode: number; message: string; bytes: Buffer }> = {
  key: 36,
  version: 0,
  name: "SaslAuthenticate",
  read: (answer) => ({ errorCode: answer.int16(), message: answer.string() ?? "", bytes: answer.bytes() }),
};
