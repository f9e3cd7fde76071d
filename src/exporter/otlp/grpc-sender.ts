import * as grpc from "@grpc/grpc-js";
import { readExportResponse, readRpcStatus } from "../../mapping/otlp/responses.ts";
import { failureReason } from "../failure-reason.ts";
import type { QueuedRequest, Sender, SendOutcome } from "../queue/send-outcome.ts";

/** OTLP specification, "OTLP/gRPC Response": a client should retry after these. */
const RETRYABLE: ReadonlySet<number> = new Set([
  grpc.status.CANCELLED,
  grpc.status.DEADLINE_EXCEEDED,
  grpc.status.ABORTED,
  grpc.status.OUT_OF_RANGE,
  grpc.status.UNAVAILABLE,
  grpc.status.DATA_LOSS,
]);

/** An answer has a few bytes. The odd number tells this limit from that of a server, which is told in the same words. */
export const MAX_ANSWER_BYTES = 1_048_573;
const answerTooLarge = new RegExp(`larger than max \\(\\d+ vs ${MAX_ANSWER_BYTES}\\)`);

/** The connection's end of a call, which a proxy may have brought about: the server itself has not answered. */
const NO_ANSWER = /^Received RST_STREAM with code|^Bandwidth exhausted or memory limit exceeded$/;

/** How servers say that a message is above their limit: grpc-go and grpc core, grpc-java, tonic (with OUT_OF_RANGE). */
const TOO_LARGE = /larger than max|exceeds maximum size|message length too large/i;

interface GrpcSenderOptions {
  /** The method's path, `/package.Service/Method`. */
  readonly path: string;
  readonly target: string;
  /** Without TLS. */
  readonly isPlain: boolean;
  readonly credentials: () => Promise<grpc.ChannelCredentials>;
  readonly channelOptions: grpc.ChannelOptions;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** Raw unary calls: bytes in, bytes out, so that status details and partial_success are seen. */
export class GrpcSender implements Sender<Uint8Array> {
  readonly #options: GrpcSenderOptions;
  readonly #metadata: grpc.Metadata;
  #client: grpc.Client | undefined;
  /** So it is known to speak gRPC without TLS. */
  #hasAnswered = false;

  constructor(options: GrpcSenderOptions) {
    this.#options = options;
    this.#metadata = grpcMetadata(options.headers);
  }

  async start(): Promise<void> {
    const { target, credentials, channelOptions } = this.#options;
    this.#client = new grpc.Client(target, await credentials(), channelOptions);
  }

  send({ body }: QueuedRequest<Uint8Array>, signal: AbortSignal): Promise<SendOutcome> {
    const client = this.#client;
    if (client === undefined) return Promise.resolve({ kind: "permanent", reason: "the exporter was not started" });
    const { path, timeoutMs, isPlain } = this.#options;
    return new Promise((resolve) => {
      const deadline = timeoutMs === 0 ? Number.POSITIVE_INFINITY : Date.now() + timeoutMs;
      const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
      const cancel = () => call.cancel();
      const call = client.makeUnaryRequest(
        path,
        identity,
        identity,
        bytes,
        this.#metadata,
        { deadline },
        (error, response) => {
          signal.removeEventListener("abort", cancel);
          this.#hasAnswered ||= error === null;
          resolve(error === null ? accepted(response) : outcomeOfGrpcError(error, isPlain && !this.#hasAnswered));
        },
      );
      signal.addEventListener("abort", cancel, { once: true });
    });
  }

  async close(): Promise<void> {
    this.#client?.close();
  }
}

/** Names that end with -bin carry bytes, written in base64. */
export function grpcMetadata(headers: Readonly<Record<string, string>>): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(headers)) {
    metadata.set(name, name.toLowerCase().endsWith("-bin") ? Buffer.from(value, "base64") : value);
  }
  return metadata;
}

function accepted(response: Buffer | undefined): SendOutcome {
  const { rejectedItems, message } = readExportResponse(response ?? new Uint8Array(0));
  return { kind: "sent", rejectedItems, message };
}

export function outcomeOfGrpcError(error: grpc.ServiceError, isPlain = false): SendOutcome {
  const reason = failureReason(`${grpc.status[error.code] ?? error.code}: ${error.details}`, isPlain);
  if (answerTooLarge.test(error.details)) return { kind: "permanent", reason: `its answer is none of OTLP: ${reason}` };
  if (NO_ANSWER.test(error.details)) return { kind: "retry", reason, serverDelayMs: undefined };
  if (error.details === "Received HTTP status code 413") return { kind: "too_large", reason };
  if (
    TOO_LARGE.test(error.details) &&
    (error.code === grpc.status.RESOURCE_EXHAUSTED || error.code === grpc.status.OUT_OF_RANGE)
  ) {
    return { kind: "too_large", reason };
  }
  const [details] = error.metadata?.get("grpc-status-details-bin") ?? [];
  const serverDelayMs = typeof details === "object" ? readRpcStatus(details).retryDelayMs : undefined;
  // A server that is out of resources may recover only if it says so.
  const mayRecover =
    RETRYABLE.has(error.code) || (error.code === grpc.status.RESOURCE_EXHAUSTED && serverDelayMs !== undefined);
  return mayRecover ? { kind: "retry", reason, serverDelayMs } : { kind: "permanent", reason };
}

function identity(bytes: Buffer): Buffer {
  return bytes;
}
