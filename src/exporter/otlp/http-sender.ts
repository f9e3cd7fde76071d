import { type ClientRequest, type Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { type PartialSuccess, readExportResponse, readRpcStatus } from "../../mapping/otlp/responses.ts";
import { AttemptLimit } from "../attempt-limit.ts";
import { failureReason } from "../failure-reason.ts";
import type { QueuedRequest, Sender, SendOutcome } from "../queue/send-outcome.ts";
import { compressHttp } from "./http-compression.ts";
import type { HttpCompression } from "./otlp-http-settings.ts";
import { parseRetryAfterMs } from "./retry-after.ts";

/** OTLP specification, "OTLP/HTTP Response": a client should retry after these. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);
/** The path may be a wrong one. */
const NO_SUCH_PLACE: ReadonlySet<number> = new Set([404, 405]);
/** More of an answer than this is not read. */
const MAX_RESPONSE_BYTES = 65_536;

interface HttpSenderOptions {
  readonly url: URL;
  readonly agent: () => Promise<HttpAgent>;
  readonly contentType: "application/x-protobuf" | "application/json";
  readonly compression: HttpCompression;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** One POST per request, over connections that stay. */
export class HttpSender implements Sender<Uint8Array> {
  readonly #options: HttpSenderOptions;
  #agent: HttpAgent | undefined;
  /** So it is known to speak HTTP without TLS. */
  #hasAnswered = false;

  constructor(options: HttpSenderOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#agent = await this.#options.agent();
  }

  async send({ body }: QueuedRequest<Uint8Array>, signal: AbortSignal): Promise<SendOutcome> {
    const { timeoutMs, compression } = this.#options;
    const limit = new AttemptLimit(signal, timeoutMs);
    try {
      const bytes = await compressHttp(body, compression);
      const response = await this.#post(bytes, limit.signal);
      this.#hasAnswered = true;
      const answer = await readBody(response);
      return outcomeOf(response, answer, this.#options.url);
    } catch (error) {
      const isPlain = this.#options.url.protocol === "http:" && !this.#hasAnswered;
      const reason = limit.isOver ? `no answer within ${timeoutMs} ms` : failureReason(describe(error), isPlain);
      return { kind: "retry", reason, serverDelayMs: undefined };
    } finally {
      limit.end();
    }
  }

  async close(): Promise<void> {
    this.#agent?.destroy();
  }

  #post(bytes: Uint8Array, signal: AbortSignal): Promise<IncomingMessage> {
    const { url, contentType, compression, headers } = this.#options;
    const request = url.protocol === "https:" ? requestHttps : requestHttp;
    return new Promise((resolve, reject) => {
      const outgoing: ClientRequest = request(url, {
        method: "POST",
        agent: this.#agent,
        signal,
        headers: {
          ...headers,
          "content-type": contentType,
          "content-length": bytes.length,
          ...(compression === "none" ? {} : { "content-encoding": compression }),
        },
      });
      // An answer that changes the protocol is an end of the connection, and no error.
      const onClose = () => reject(new Error("the connection was closed without an answer"));
      outgoing.on("response", resolve).on("error", reject).on("close", onClose).end(bytes);
    });
  }
}

/** The whole body, so that the connection can be used again; undefined when it is longer than we care for. */
async function readBody(response: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > MAX_RESPONSE_BYTES) break;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function outcomeOf(response: IncomingMessage, body: Buffer, url: URL): SendOutcome {
  const status = response.statusCode ?? 0;
  const { "content-type": contentType = "", location } = response.headers;
  const isJson = contentType.includes("json");
  if (status >= 200 && status < 300) {
    const { rejectedItems, message } = isJson ? readJsonResponse(body) : readExportResponse(body);
    // Whoever answers everything with a page takes nothing.
    const isOther = body.length > 0 && contentType !== "" && !isJson && !contentType.includes("protobuf");
    const doubt = isOther ? `its answer is ${contentType.slice(0, 80)}: is ${url.host} an OTLP receiver?` : message;
    return { kind: "sent", rejectedItems, message: doubt };
  }
  if (status < 400 && location !== undefined) {
    const reason = failureReason(
      `HTTP ${status}: it redirects to ${location}, which is not followed: write that as endpoint`,
    );
    return { kind: "permanent", reason };
  }
  const detail = isJson || looksLikeText(body) ? body.toString() : readRpcStatus(body).message;
  const place = NO_SUCH_PLACE.has(status) ? ` for ${url.pathname}` : "";
  const reason = failureReason(`HTTP ${status}${place}${detail === "" ? "" : `: ${detail}`}`);
  if (status === 413) return { kind: "too_large", reason };
  if (!RETRYABLE.has(status)) return { kind: "permanent", reason };
  return { kind: "retry", reason, serverDelayMs: parseRetryAfterMs(response.headers["retry-after"], Date.now()) };
}

function readJsonResponse(body: Buffer): PartialSuccess {
  try {
    const { partialSuccess } = JSON.parse(body.toString()) as {
      partialSuccess?: { rejectedSpans?: string | number; rejectedProfiles?: string | number; errorMessage?: string };
    };
    const rejectedItems = Number(partialSuccess?.rejectedSpans ?? partialSuccess?.rejectedProfiles ?? 0);
    return {
      rejectedItems: rejectedItems > 0 ? rejectedItems : 0,
      message: String(partialSuccess?.errorMessage ?? ""),
    };
  } catch {
    return { rejectedItems: 0, message: body.length === 0 ? "" : "its answer is no JSON" };
  }
}

function looksLikeText(body: Buffer): boolean {
  return body.every((byte) => byte >= 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Several addresses were tried, and the message is empty.
  if (error instanceof AggregateError) return error.errors.map(describe).join("; ");
  return error.message;
}
