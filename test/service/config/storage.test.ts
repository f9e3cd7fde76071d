import assert from "node:assert/strict";
import { load, problemsOf } from "./support.ts";

describe("the storage of a sending queue", () => {
  it("knows the storage of a queue, by its id, and whether it runs", () => {
    const withStorage = (storage: string, extensions: string) => `
receivers: {socket_trace: }
exporters: {otlp_grpc: {endpoint: "a:1", sending_queue: {storage: ${storage}}}}
extensions: {file_storage/queue: , zpages: }
service: {extensions: ${extensions}, pipelines: {traces: {receivers: [socket_trace], exporters: [otlp_grpc]}}}
`;
    const problems = (storage: string, extensions: string) =>
      problemsOf({ files: { "a.yaml": withStorage(storage, extensions) } });
    load({ files: { "a.yaml": withStorage("file_storage/queue", "[file_storage/queue]") } });
    assert.match(
      problems("file_storage/queue", "[]")[0]!,
      /not listed in service.extensions.*CONFIG_UNDEFINED_COMPONENT/,
    );
    assert.match(problems("file_storage", "[]")[0]!, /no storage that is defined.*file_storage\/queue/);
    assert.match(problems("zpages", "[zpages]")[0]!, /no storage/);
  });
});
