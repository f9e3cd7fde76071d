/** One connection to a broker: requests go out as they come, answers are told apart by their number. */
import { connect, type Socket } from "node:net";
import { connect as connectTls, type SecureContext } from "node:tls";
import { failureReason } from "../failure-reason.ts";
import { type Api, apiVersions, metadata, produce } from "./apis.ts";
import { KafkaError, KafkaErrorCode } from "./error.ts";
import { brokerError } from "./error-codes.ts";
import { WireReader } from "./wire-reader.ts";
import { WireWriter } from "./wire-writer.ts";

/** An answer of a producer's requests is small; a length above this is the beginning of some other protocol. */
const MAX_ANSWER_BYTES = 16 * 1_048_576;
const MIN_ANSWER_BYTES = 4;
/** A broker takes the whole timeout when replicas are slow. Beyond it the connection is dead, and another one is opened. */
const ANSWER_GRACE_MS = 1_000;

export interface ConnectionTls {
  readonly context: SecureContext;
  readonly rejectUnauthorized: boolean;
  /** Instead of the broker's host. */
  readonly serverName: string | undefined;
}

export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly clientId: string;
  /** Of the connection until it can be used, and of each answer. */
  readonly timeoutMs: number;
  /** Closed when nothing was sent for so long. */
  readonly idleMs: number;
  readonly tls: ConnectionTls | undefined;
  /** Before anything else. */
  readonly authenticate: ((connection: BrokerConnection) => Promise<void>) | undefined;
}

interface Waiting {
  answered(answer: Buffer): void;
  failed(error: Error): void;
}

export class BrokerConnection {
  readonly #options: ConnectionOptions;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #received: Buffer[] = [];
  #receivedBytes = 0;
  #hasAnswered = false;
  #correlation = 0;

  private constructor(options: ConnectionOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    socket.setTimeout(options.idleMs, () => this.close(unusable("idle")));
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", (error) => this.close(error));
    socket.on("close", () => this.close(unusable("the connection was closed")));
  }

  /** @throws KafkaError that says what is wrong with the place, and what to do */
  static async open(options: ConnectionOptions): Promise<BrokerConnection> {
    const { timeoutMs, authenticate } = options;
    const socket = openSocket(options);
    const connection = new BrokerConnection(options, socket);
    const timer = setTimeout(() => connection.close(unusable(`no answer within ${timeoutMs} ms`)), timeoutMs);
    try {
      await connection.#checkVersions();
      await authenticate?.(connection);
      return connection;
    } catch (error) {
      connection.close(error as Error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  async request<Answer>(api: Api<Answer>, write: (request: WireWriter) => void): Promise<Answer> {
    const limitMs = this.#options.timeoutMs + ANSWER_GRACE_MS;
    const timer = setTimeout(() => this.close(unusable(`no answer within ${limitMs} ms`)), limitMs);
    const bytes = await new Promise<Buffer>((answered, failed) => {
      this.#waiting.set(this.#send(api, write, failed), { answered, failed });
    }).finally(() => clearTimeout(timer));
    try {
      return api.read(new WireReader(bytes));
    } catch (error) {
      this.close(error as Error);
      throw this.#described(error as Error);
    }
  }

  /** For a request that is not answered. Resolves when the system has taken it. */
  tell(api: Api<unknown>, write: (request: WireWriter) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#send(api, write, reject, resolve);
    });
  }

  close(reason: Error): void {
    this.#socket.destroy();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const each of waiting) each.failed(this.#described(reason));
  }

  #send<Answer>(
    { key, version }: Api<Answer>,
    write: (request: WireWriter) => void,
    failed: (error: Error) => void,
    done?: () => void,
  ): number {
    const correlation = this.#correlation;
    this.#correlation = (correlation + 1) & 0x7fffffff;
    const request = new WireWriter();
    request.int32(0);
    request.int16(key);
    request.int16(version);
    request.int32(correlation);
    request.string(this.#options.clientId);
    write(request);
    const bytes = request.view();
    bytes.writeInt32BE(bytes.length - 4);
    this.#socket.write(bytes, (error) => {
      if (error == null) done?.();
      else failed(this.#described(error));
    });
    return correlation;
  }

  /** The first answer tells whether it is a broker at all, and one that is not too old. */
  async #checkVersions(): Promise<void> {
    const { errorCode, apis } = await this.request(apiVersions, () => {});
    if (errorCode !== 0) throw this.#described(unusable(brokerError(errorCode).text));
    for (const { key, version, name } of [metadata, produce(3)]) {
      const range = apis.find((each) => each.key === key);
      if (range !== undefined && range.min <= version && version <= range.max) continue;
      throw this.#described(unusable(`it does not speak version ${version} of ${name}: Kafka 0.11 or newer is needed`));
    }
  }

  #receive(chunk: Buffer): void {
    this.#received.push(chunk);
    this.#receivedBytes += chunk.length;
    let bytes = this.#receivedBytes < 4 ? undefined : Buffer.concat(this.#received);
    while (bytes !== undefined && bytes.length >= 4) {
      const length = bytes.readUInt32BE(0);
      if (length < MIN_ANSWER_BYTES || length > MAX_ANSWER_BYTES) {
        this.close(unusable(`it is no Kafka broker, its answer begins with ${shown(bytes)}`));
        return;
      }
      if (bytes.length < 4 + length) break;
      this.#hasAnswered = true;
      const waiting = this.#waiting.get(bytes.readInt32BE(4));
      this.#waiting.delete(bytes.readInt32BE(4));
      waiting?.answered(bytes.subarray(8, 4 + length));
      bytes = bytes.subarray(4 + length);
    }
    if (bytes === undefined) return;
    this.#received = bytes.length === 0 ? [] : [bytes];
    this.#receivedBytes = bytes.length;
  }

  #described(error: Error): Error {
    const { host, port, tls } = this.#options;
    const text = failureReason(error.message || String((error as NodeJS.ErrnoException).code));
    const isClosed = /was closed|ECONNRESET|EPIPE|disconnected before secure TLS/.test(text);
    const hint =
      tls === undefined ? "if it wants TLS or SASL, configure tls or auth" : "if it wants no TLS, leave tls out";
    const where = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    if (text.startsWith(where)) return error;
    const code = error instanceof KafkaError ? error.code : KafkaErrorCode.broker;
    const message = `${where}: ${text}${isClosed && !this.#hasAnswered ? ` (${hint})` : ""}`;
    return new KafkaError(code, message, { cause: error });
  }
}

/** TLS over a socket of net.connect: the receiver sees those, and knows the connection as ours (own-exchanges.ts). */
function openSocket({ host, port, tls }: ConnectionOptions): Socket {
  const socket = connect({ host, port, noDelay: true, keepAlive: true });
  if (tls === undefined) return socket;
  const name = tls.serverName ?? host;
  const secure = connectTls({
    socket,
    // Names only: an address is no server name (RFC 6066, 3).
    servername: /^[\d.]+$|:/.test(name) ? "" : name,
    host: name,
    rejectUnauthorized: tls.rejectUnauthorized,
    secureContext: tls.context,
  });
  socket.on("error", (error) => secure.destroy(error));
  return secure;
}

function unusable(message: string): KafkaError {
  return new KafkaError(KafkaErrorCode.broker, message);
}

function shown(bytes: Buffer): string {
  return JSON.stringify(bytes.subarray(0, 8).toString("latin1"));
}
