/** Calls to one controller. */
import { readFileSync } from "node:fs";
import type { DescMethod, Message } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { methodDefinition } from "../../trident/grpc-service.ts";
import type { ControllerAddress } from "./controller-list.ts";
import { TridentAgentFileError } from "./error.ts";
import type { TridentAgentSettings } from "./settings.ts";

export class ControllerClient {
  readonly address: ControllerAddress;
  readonly #client: grpc.Client;
  readonly #timeoutMs: number;

  constructor(address: ControllerAddress, settings: TridentAgentSettings, credentials: grpc.ChannelCredentials) {
    this.address = address;
    this.#timeoutMs = settings.timeout;
    const { host, port } = address;
    const name = settings.tls?.server_name_override;
    this.#client = new grpc.Client(host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`, credentials, {
      "grpc.max_receive_message_length": settings.max_message_size,
      "grpc.enable_retries": 0,
      "grpc.service_config_disable_resolution": 1,
      "grpc.initial_reconnect_backoff_ms": 500,
      "grpc.max_reconnect_backoff_ms": 10_000,
      "grpc.keepalive_time_ms": 60_000,
      "grpc.keepalive_timeout_ms": 20_000,
      ...(name === undefined ? {} : { "grpc.ssl_target_name_override": name, "grpc.default_authority": name }),
    });
  }

  unary(method: DescMethod, request: Message): Promise<Message> {
    const { path, requestSerialize, responseDeserialize } = methodDefinition(method);
    return new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + this.#timeoutMs };
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        options,
        (error, response) => {
          if (error === null && response !== undefined) resolve(response);
          else reject(error ?? new Error("no answer"));
        },
      );
    });
  }

  /** Resolves at the end of the stream, rejects when it breaks. */
  stream(
    method: DescMethod,
    request: Message,
    signal: AbortSignal,
    message: (message: Message) => void,
  ): Promise<void> {
    const { path, requestSerialize, responseDeserialize } = methodDefinition(method);
    const call = this.#client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
    return watch(call, signal, message);
  }

  bidirectional(method: DescMethod): grpc.ClientDuplexStream<Message, Message> {
    const { path, requestSerialize, responseDeserialize } = methodDefinition(method);
    return this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  }

  close(): void {
    this.#client.close();
  }
}

export function watch(
  call: grpc.ClientReadableStream<Message> | grpc.ClientDuplexStream<Message, Message>,
  signal: AbortSignal,
  message: (message: Message) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = (): void => call.cancel();
    if (signal.aborted) cancel();
    signal.addEventListener("abort", cancel, { once: true });
    const done = (error: Error | undefined): void => {
      signal.removeEventListener("abort", cancel);
      if (error === undefined || signal.aborted) resolve();
      else reject(error);
    };
    call.on("data", (data: Message) => {
      try {
        message(data);
      } catch (error) {
        call.cancel();
        done(error instanceof Error ? error : new Error(String(error)));
      }
    });
    call.on("error", (error: Error) => done(error));
    call.on("end", () => done(undefined));
  });
}

export function createCredentials(settings: TridentAgentSettings): grpc.ChannelCredentials {
  const { tls } = settings;
  if (tls === undefined) return grpc.credentials.createInsecure();
  const read = (setting: "ca_file" | "cert_file" | "key_file"): Buffer | null => {
    const path = tls[setting];
    if (path === undefined) return null;
    try {
      return readFileSync(path);
    } catch (error) {
      throw new TridentAgentFileError(`tls.${setting}`, path, error);
    }
  };
  return grpc.credentials.createSsl(read("ca_file"), read("key_file"), read("cert_file"));
}
