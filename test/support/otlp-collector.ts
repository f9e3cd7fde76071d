import * as grpc from "@grpc/grpc-js";
import {
  decodeTraceRequest,
  encodeTraceResponse,
  type OtlpSpan,
  type OtlpTraceRequest,
  spansOf,
} from "./otlp-messages.ts";
import { encodeRetryInfoStatus } from "./rpc-status.ts";

/** What the server does with one Export call; `ok` when nothing was told. */
export type Answer =
  | { readonly kind: "ok" }
  | { readonly kind: "partial"; readonly rejectedSpans: number; readonly message: string }
  | { readonly kind: "fail"; readonly code: number; readonly message: string; readonly retryDelaySeconds?: number }
  | { readonly kind: "hang" };

export interface CollectorOptions {
  /** 0: any free one. */
  readonly port?: number;
  readonly maxReceiveBytes?: number;
  readonly credentials?: grpc.ServerCredentials;
  /** A path instead of a port. */
  readonly unixPath?: string;
}

/** An OTLP/gRPC trace service: decodes with the protos, keeps plain objects, fails as it is told. */
export class OtlpCollector {
  readonly #server: grpc.Server;
  readonly #answers: Answer[] = [];
  readonly #hanging: (() => void)[] = [];
  readonly requests: OtlpTraceRequest[] = [];
  readonly metadata: grpc.Metadata[] = [];
  /** Calls that came in, answered or not. */
  calls = 0;
  port = 0;

  constructor(options: CollectorOptions = {}) {
    this.#server = new grpc.Server({ "grpc.max_receive_message_length": options.maxReceiveBytes ?? 4 * 1_048_576 });
    this.#server.addService(
      {
        export: {
          path: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
          requestStream: false,
          responseStream: false,
          requestSerialize: (value: Buffer) => value,
          requestDeserialize: (value: Buffer) => value,
          responseSerialize: (value: Buffer) => value,
          responseDeserialize: (value: Buffer) => value,
        },
      },
      {
        export: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) =>
          this.#export(call, done),
      },
    );
  }

  static async start(options: CollectorOptions = {}): Promise<OtlpCollector> {
    const collector = new OtlpCollector(options);
    const address = options.unixPath === undefined ? `127.0.0.1:${options.port ?? 0}` : `unix:${options.unixPath}`;
    collector.port = await new Promise<number>((resolve, reject) => {
      collector.#server.bindAsync(
        address,
        options.credentials ?? grpc.ServerCredentials.createInsecure(),
        (error, port) => (error === null ? resolve(port) : reject(error)),
      );
    });
    return collector;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Spans of all requests that were answered with ok or partial success. */
  get spans(): OtlpSpan[] {
    return this.requests.flatMap(spansOf);
  }

  /** The next calls are answered like this, in order. */
  answerNext(...answers: Answer[]): void {
    this.#answers.push(...answers);
  }

  /** Ends at once, calls that hang too. */
  async stop(): Promise<void> {
    for (const release of this.#hanging) release();
    this.#server.forceShutdown();
  }

  #export(call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>): void {
    this.calls++;
    this.metadata.push(call.metadata);
    const answer = this.#answers.shift() ?? { kind: "ok" };
    switch (answer.kind) {
      case "ok":
        this.requests.push(decodeTraceRequest(call.request));
        done(null, encodeTraceResponse());
        return;
      case "partial":
        this.requests.push(decodeTraceRequest(call.request));
        done(null, encodeTraceResponse({ rejectedSpans: answer.rejectedSpans, errorMessage: answer.message }));
        return;
      case "fail": {
        const metadata = new grpc.Metadata();
        if (answer.retryDelaySeconds !== undefined) {
          const details = encodeRetryInfoStatus(answer.code, answer.message, answer.retryDelaySeconds);
          metadata.set("grpc-status-details-bin", details);
        }
        done({ code: answer.code, details: answer.message, metadata });
        return;
      }
      case "hang":
        this.#hanging.push(() => done({ code: grpc.status.UNAVAILABLE, details: "stopped" }));
    }
  }
}
