/** A ProfilesService and its HTTP twin, made from the protos: refuses whatever Parca's or Pyroscope's receiver would. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import * as grpc from "@grpc/grpc-js";
import {
  assertValidProfiles,
  decodeProfilesRequest,
  encodeProfilesResponse,
  type OtlpProfilesRequest,
  profilesRequestOfJson,
} from "./otlp-profiles.ts";

export class ProfilesCollector {
  readonly requests: OtlpProfilesRequest[] = [];
  readonly paths: string[] = [];
  /** Status codes of gRPC, or of HTTP, that the next calls are answered with. */
  readonly failures: number[] = [];
  /** Of the next answers. */
  readonly rejections: number[] = [];
  /** A request above this is too large. */
  maxSizeBytes = Number.POSITIVE_INFINITY;
  readonly #grpc = new grpc.Server({ "grpc.max_receive_message_length": -1 });
  readonly #http: Server;
  grpcEndpoint = "";
  httpEndpoint = "";

  private constructor() {
    const raw = (value: Buffer) => value;
    const path = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export";
    const serializers = {
      requestSerialize: raw,
      requestDeserialize: raw,
      responseSerialize: raw,
      responseDeserialize: raw,
    };
    this.#grpc.addService(
      { export: { path, requestStream: false, responseStream: false, ...serializers } },
      {
        export: ({ request }: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
          const failure = this.failures.shift();
          if (failure !== undefined) done({ code: failure, details: "told to fail" });
          else if (request.length > this.maxSizeBytes) {
            done({ code: grpc.status.RESOURCE_EXHAUSTED, details: "grpc: received message larger than max" });
          } else {
            const [error, answer] = this.#take(decodeProfilesRequest(request));
            done(error, answer);
          }
        },
      },
    );
    this.#http = createServer((request, response) => void this.#handle(request, response));
  }

  static async start(): Promise<ProfilesCollector> {
    const collector = new ProfilesCollector();
    const port = await new Promise<number>((resolve, reject) =>
      collector.#grpc.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    await new Promise<void>((resolve) => collector.#http.listen(0, "127.0.0.1", resolve));
    collector.grpcEndpoint = `http://127.0.0.1:${port}`;
    collector.httpEndpoint = `http://127.0.0.1:${(collector.#http.address() as AddressInfo).port}`;
    return collector;
  }

  get sampleCount(): number {
    const profiles = this.requests.flatMap(({ resourceProfiles }) =>
      resourceProfiles.flatMap((each) => each.scopeProfiles.flatMap((scope) => scope.profiles)),
    );
    return profiles.flatMap(({ samples }) => samples).reduce((sum, each) => sum + each.timestampsUnixNano.length, 0);
  }

  async stop(): Promise<void> {
    this.#grpc.forceShutdown();
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  #take(request: OtlpProfilesRequest): [null, Buffer] | [grpc.ServiceError, null] {
    try {
      assertValidProfiles(request);
    } catch (error) {
      return [
        Object.assign(new Error(String(error)), { code: 3, details: String(error), metadata: new grpc.Metadata() }),
        null,
      ];
    }
    this.requests.push(request);
    return [null, encodeProfilesResponse(this.rejections.shift() ?? 0)];
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    this.paths.push(request.url ?? "");
    const sent = Buffer.concat(parts);
    const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(sent) : sent;
    const failure = this.failures.shift() ?? (body.length > this.maxSizeBytes ? 413 : undefined);
    if (failure !== undefined) {
      response.writeHead(failure).end();
      return;
    }
    const isJson = request.headers["content-type"] === "application/json";
    const [error, answer] = this.#take(isJson ? profilesRequestOfJson(body.toString()) : decodeProfilesRequest(body));
    if (error !== null) response.writeHead(400, { "content-type": "text/plain" }).end(error.message);
    else if (isJson) response.writeHead(200, { "content-type": "application/json" }).end("{}");
    else response.writeHead(200, { "content-type": "application/x-protobuf" }).end(answer);
  }
}
