import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { gunzipSync, inflateSync } from "node:zlib";
import { decompress } from "@bokuweb/zstd-wasm";
import {
  decodeTraceRequest,
  encodeTraceResponse,
  type OtlpSpan,
  type OtlpTraceRequest,
  spansOf,
} from "./otlp-messages.ts";

/** What the server does with one request; 200 when nothing was told. */
export type HttpAnswer =
  | {
      readonly kind: "status";
      readonly status: number;
      readonly body?: string;
      readonly headers?: Record<string, string>;
    }
  | { readonly kind: "partial"; readonly rejectedSpans: number; readonly message: string }
  | { readonly kind: "hang" }
  | { readonly kind: "reset" };

/** An OTLP/HTTP receiver in protobuf and JSON: keeps plain objects, fails as it is told. */
export class OtlpHttpCollector {
  readonly #server: Server;
  readonly #answers: HttpAnswer[] = [];
  readonly requests: OtlpTraceRequest[] = [];
  readonly messages: { path: string; headers: IncomingMessage["headers"]; localPort: number | undefined }[] = [];
  port = 0;

  constructor(tls?: ServerOptions) {
    const handle = (request: IncomingMessage, response: ServerResponse) => void this.#handle(request, response);
    this.#server = tls === undefined ? createServer(handle) : createTlsServer(tls, handle);
  }

  /** @param port 0: any that is free */
  static async start(tls?: ServerOptions, port = 0): Promise<OtlpHttpCollector> {
    const collector = new OtlpHttpCollector(tls);
    await new Promise<void>((resolve) => collector.#server.listen(port, "127.0.0.1", resolve));
    collector.port = (collector.#server.address() as AddressInfo).port;
    return collector;
  }

  get spans(): OtlpSpan[] {
    return this.requests.flatMap(spansOf);
  }

  answerNext(...answers: HttpAnswer[]): void {
    this.#answers.push(...answers);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    this.messages.push({ path: request.url ?? "", headers: request.headers, localPort: request.socket.remotePort });
    const answer = this.#answers.shift();
    if (answer?.kind === "hang") return;
    if (answer?.kind === "reset") {
      request.socket.destroy();
      return;
    }
    if (answer?.kind === "status") {
      response.writeHead(answer.status, { "content-type": "text/plain", ...answer.headers }).end(answer.body);
      return;
    }
    const sent = Buffer.concat(parts);
    const body = unfold(sent, request.headers["content-encoding"]);
    const contentType = request.headers["content-type"] ?? "";
    const isJson = contentType === "application/json";
    this.requests.push(isJson ? (JSON.parse(body.toString()) as OtlpTraceRequest) : decodeTraceRequest(body));
    const partial =
      answer === undefined ? undefined : { rejectedSpans: answer.rejectedSpans, errorMessage: answer.message };
    response.writeHead(200, { "content-type": contentType });
    // JSON has 64-bit integers as strings.
    const json =
      partial === undefined ? {} : { partialSuccess: { ...partial, rejectedSpans: String(partial.rejectedSpans) } };
    response.end(isJson ? JSON.stringify(json) : encodeTraceResponse(partial));
  }
}

function unfold(sent: Buffer, encoding: string | undefined): Buffer {
  if (encoding === "gzip") return gunzipSync(sent);
  if (encoding === "zstd") return Buffer.from(decompress(sent));
  return encoding === undefined ? sent : inflateSync(sent);
}
