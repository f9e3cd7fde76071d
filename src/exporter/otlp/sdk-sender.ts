/** OpenTelemetry JS's own OTLP/gRPC exporter as a sender of ours. */
import type * as grpc from "@grpc/grpc-js";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import type { Span } from "../../mapping/span.ts";
import type { QueuedRequest, Sender, SendOutcome } from "../queue/send-outcome.ts";
import { grpcMetadata, outcomeOfGrpcError } from "./grpc-sender.ts";
import { toReadableSpan } from "./readable-span.ts";

type ExporterConfig = NonNullable<ConstructorParameters<typeof OTLPTraceExporter>[0]>;

export interface SdkSenderOptions {
  readonly target: string;
  readonly credentials: () => Promise<grpc.ChannelCredentials>;
  readonly compression: "gzip" | "none";
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly concurrency: number;
}

/** OpenTelemetry JS's own exporter behind our queue. It hides partial_success, so nothing counts as rejected. */
export class SdkSender implements Sender<readonly Span[]> {
  readonly #options: SdkSenderOptions;
  #exporter: OTLPTraceExporter | undefined;

  constructor(options: SdkSenderOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { target, credentials, compression, headers, timeoutMs, concurrency } = this.#options;
    this.#exporter = new OTLPTraceExporter({
      // It takes the authority of an URL only, and the credentials decide whether that is TLS.
      url: target.startsWith("unix:") ? `unix://${target.slice("unix:".length)}` : target.replace(/^dns:/, "http://"),
      credentials: await credentials(),
      metadata: grpcMetadata(headers),
      compression: compression as NonNullable<ExporterConfig["compression"]>,
      timeoutMillis: timeoutMs,
      // The queue limits them; above its own limit the exporter would drop.
      concurrencyLimit: concurrency + 1,
    });
  }

  send({ body }: QueuedRequest<readonly Span[]>): Promise<SendOutcome> {
    return new Promise((resolve) => {
      if (this.#exporter === undefined) {
        resolve({ kind: "permanent", reason: "the exporter was not started" });
        return;
      }
      this.#exporter.export(body.map(toReadableSpan), ({ code, error }) => {
        if (code === 0) resolve({ kind: "sent", rejectedItems: 0, message: "" });
        else if (isServiceError(error)) resolve(outcomeOfGrpcError(error));
        else resolve({ kind: "permanent", reason: error?.message ?? "unknown" });
      });
    });
  }

  async close(): Promise<void> {
    await this.#exporter?.shutdown();
  }
}

function isServiceError(error: Error | undefined): error is grpc.ServiceError {
  return error !== undefined && "code" in error && "details" in error;
}
