/** A broker that knows ApiVersions, Metadata, Produce and SASL, decodes what it gets by itself and answers as it is told. */
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { gunzipSync } from "node:zlib";
import { decompress } from "@bokuweb/zstd-wasm";
import { crc32 as crc32cOf } from "./crc32c-oracle.ts";

export interface FakeRecord {
  readonly partition: number;
  readonly key: string | undefined;
  readonly value: Buffer;
  readonly headers: readonly (readonly [string, string])[];
}

export interface FakeRequest {
  readonly api: number;
  readonly version: number;
  readonly clientId: string;
}

/** Reads what a producer writes: another reader than the exporter's own. */
class Cursor {
  readonly bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  number(size: 1 | 2 | 4): number {
    this.at += size;
    return this.bytes.readIntBE(this.at - size, size);
  }

  long(): bigint {
    this.at += 8;
    return this.bytes.readBigInt64BE(this.at - 8);
  }

  slice(length: number): Buffer {
    if (length < 0 || this.at + length > this.bytes.length) throw new Error(`${length} bytes are not there`);
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  text(): string | undefined {
    const length = this.number(2);
    return length < 0 ? undefined : this.slice(length).toString();
  }

  varint(): number {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.number(1) & 0xff;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return Number((value >> 1n) ^ -(value & 1n));
  }
}

export interface FakeKafkaOptions {
  readonly port?: number;
  readonly tls?: TlsOptions;
  readonly partitions?: number;
  readonly apis?: readonly (readonly [key: number, min: number, max: number])[];
  /** Wants these, by PLAIN. */
  readonly credentials?: { readonly username: string; readonly password: string };
}

const APIS = [
  [0, 3, 9],
  [3, 0, 12],
  [17, 0, 1],
  [18, 0, 3],
  [36, 0, 2],
] as const;

export class FakeKafka {
  readonly records: FakeRecord[] = [];
  readonly requests: FakeRequest[] = [];
  readonly topics = new Set<string>();
  /** Error codes for the next partitions that are written to, in order. */
  readonly produceErrors: number[] = [];
  readonly topicErrors: number[] = [];
  /** Says nothing to a produce request. */
  isSilent = false;
  /** Partitions that no broker leads. */
  leaderless: readonly number[] = [];
  maxBatchBytes = Number.POSITIVE_INFINITY;
  acks: number[] = [];
  connections = 0;
  port = 0;
  readonly #options: FakeKafkaOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(options: FakeKafkaOptions) {
    this.#options = options;
    const onSocket = (socket: Socket) => this.#serve(socket);
    this.#server = options.tls === undefined ? createServer(onSocket) : createTlsServer(options.tls, onSocket);
  }

  static async start(options: FakeKafkaOptions = {}): Promise<FakeKafka> {
    const fake = new FakeKafka(options);
    await new Promise<void>((resolve) => fake.#server.listen(options.port ?? 0, "127.0.0.1", resolve));
    const address = fake.#server.address();
    fake.port = typeof address === "object" && address !== null ? address.port : 0;
    return fake;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.dropConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    this.connections++;
    this.#sockets.add(socket);
    // Else the second piece of an answer waits for the other end's delayed ACK of the first.
    socket.setNoDelay();
    socket.on("close", () => this.#sockets.delete(socket)).on("error", () => {});
    let received = Buffer.alloc(0);
    const session = { isKnown: this.#options.credentials === undefined };
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      // socket.request.max.bytes: a broker closes then.
      if (received.length >= 4 && received.readUInt32BE(0) > 104_857_600) socket.destroy();
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        const end = 4 + received.readInt32BE(0);
        this.#answer(socket, new Cursor(received.subarray(4, end)), session);
        received = received.subarray(end);
      }
    });
  }

  #answer(socket: Socket, request: Cursor, session: { isKnown: boolean }): void {
    const [api, version, correlation] = [request.number(2), request.number(2), request.number(4)];
    const clientId = request.text() ?? "";
    this.requests.push({ api, version, clientId });
    const body = this.#body(api, version, request, session);
    if (!session.isKnown && api !== 18 && api !== 17 && api !== 36) socket.destroy();
    if (request.at !== request.bytes.length) throw new Error(`${request.bytes.length - request.at} bytes too many`);
    if (body === undefined) return;
    const head = Buffer.alloc(8);
    head.writeInt32BE(4 + body.length);
    head.writeInt32BE(correlation, 4);
    // In two pieces: an answer may come in any.
    socket.write(head.subarray(0, 5));
    socket.write(Buffer.concat([head.subarray(5), body]));
  }

  #body(api: number, version: number, request: Cursor, session: { isKnown: boolean }): Buffer | undefined {
    switch (api) {
      case 18:
        return join(
          int(0, 2),
          array((this.#options.apis ?? APIS).map((range) => join(...range.map((each) => int(each, 2))))),
        );
      case 3:
        return this.#metadata(request);
      case 17:
        return request.text() === "PLAIN" ? join(int(0, 2), array([])) : join(int(33, 2), array([text("PLAIN")]));
      case 36: {
        const { username, password } = this.#options.credentials ?? { username: "", password: "" };
        session.isKnown = request.slice(request.number(4)).toString() === `\0${username}\0${password}`;
        return session.isKnown ? join(int(0, 2), text(), int(0, 4)) : join(int(58, 2), text("who are you?"), int(0, 4));
      }
      default:
        return this.#produce(version, request);
    }
  }

  #metadata(request: Cursor): Buffer {
    const count = request.number(4);
    const names = Array.from({ length: count }, () => request.text() ?? "");
    request.number(1);
    const partitions = Array.from({ length: this.#options.partitions ?? 1 }, (_, index) =>
      join(
        int(0, 2),
        int(index, 4),
        int(this.leaderless.includes(index) ? -1 : 7, 4),
        array([int(7, 4)]),
        array([int(7, 4)]),
      ),
    );
    const topics = names.map((name) =>
      join(int(this.topicErrors.shift() ?? 0, 2), text(name), int(0, 1), array(partitions)),
    );
    return join(
      int(0, 4),
      array([join(int(7, 4), text("127.0.0.1"), int(this.port, 4), text())]),
      text("cluster"),
      int(7, 4),
      array(topics),
    );
  }

  #produce(version: number, request: Cursor): Buffer | undefined {
    request.text();
    const acks = request.number(2);
    this.acks.push(acks);
    request.number(4);
    const topics = Array.from({ length: request.number(4) }, () => {
      const name = request.text() ?? "";
      this.topics.add(name);
      const answers = Array.from({ length: request.number(4) }, () => {
        const partition = request.number(4);
        const bytes = request.slice(request.number(4));
        const tooLarge = bytes.length > this.maxBatchBytes ? 10 : 0;
        const error = this.produceErrors.shift() ?? tooLarge;
        if (error === 0) this.records.push(...recordsOf(bytes, partition));
        const end = version >= 5 ? [Buffer.alloc(8)] : [];
        return join(int(partition, 4), int(error, 2), Buffer.alloc(16), ...end);
      });
      return join(text(name), array(answers));
    });
    return this.isSilent || acks === 0 ? undefined : join(array(topics), int(0, 4));
  }
}

/** @throws Error when it is no batch of version 2 in every byte */
function recordsOf(bytes: Buffer, partition: number): FakeRecord[] {
  const batch = new Cursor(bytes);
  const must = (isTrue: boolean, what: string) => {
    if (!isTrue) throw new Error(`wrong in the batch: ${what}`);
  };
  must(batch.long() === 0n, "base offset");
  must(batch.number(4) === bytes.length - 12, "length");
  batch.number(4);
  must(batch.number(1) === 2, "magic");
  must(batch.number(4) >>> 0 === crc32cOf(bytes.subarray(21)), "checksum");
  const codec = batch.number(2);
  const lastOffset = batch.number(4);
  const [first, last] = [batch.long(), batch.long()];
  must(first === last, "timestamps");
  must(batch.long() === -1n && batch.number(2) === -1 && batch.number(4) === -1, "producer");
  const count = batch.number(4);
  must(lastOffset === count - 1, "last offset");
  const rest = bytes.subarray(batch.at);
  const records = new Cursor(codec === 1 ? gunzipSync(rest) : codec === 4 ? Buffer.from(decompress(rest)) : rest);
  const found = Array.from({ length: count }, (_, index) => {
    const length = records.varint();
    const end = records.at + length;
    must(records.number(1) === 0 && records.varint() === 0 && records.varint() === index, "record");
    const keyLength = records.varint();
    const key = keyLength < 0 ? undefined : records.slice(keyLength).toString();
    const value = records.slice(records.varint());
    const headers = Array.from({ length: records.varint() }, () => {
      const name = records.slice(records.varint()).toString();
      return [name, records.slice(records.varint()).toString()] as const;
    });
    must(records.at === end, "record length");
    return { partition, key, value, headers };
  });
  must(records.at === records.bytes.length, "records");
  return found;
}

function int(value: number, size: 1 | 2 | 4): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeIntBE(value, 0, size);
  return bytes;
}

function text(value?: string): Buffer {
  return value === undefined ? int(-1, 2) : join(int(Buffer.byteLength(value), 2), Buffer.from(value));
}

function array(items: readonly Buffer[]): Buffer {
  return join(int(items.length, 4), ...items);
}

function join(...parts: readonly Buffer[]): Buffer {
  return Buffer.concat(parts);
}
