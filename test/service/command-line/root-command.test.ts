import assert from "node:assert/strict";
import { rootCommand } from "../../../src/service/command-line/root-command.ts";

describe("root command", () => {
  it("keeps variables that matter, quotes words, and names secrets instead of copying them", () => {
    const environment = {
      HOME: "/nowhere",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4317",
      OTEL_EXPORTER_OTLP_HEADERS: "api-key=hunter2",
    };
    const command = rootCommand(["node", "sockspan", "run", "--set", "a.b=it's"], environment);
    assert.match(
      command,
      /^sudo env OTEL_EXPORTER_OTLP_ENDPOINT=http:\/\/c:4317 OTEL_EXPORTER_OTLP_HEADERS="\$OTEL_EXPORTER_OTLP_HEADERS" \/\S+node \/\S+\/bin\/sockspan run --set 'a\.b=it'\\''s'$/,
    );
  });
});
