import assert from "node:assert/strict";
import { ConfigInUse } from "../../src/commands/config-in-use.ts";
import { catalog } from "../../src/service/catalog.ts";
import { type LoadedConfig, loadConfig } from "../../src/service/config/load.ts";

describe("the configuration in use", () => {
  const load = (type: string, settings: object): LoadedConfig => {
    const pipelines = { traces: { receivers: ["socket_trace"], exporters: [type] } };
    const text = { receivers: { socket_trace: {} }, exporters: { [type]: settings }, service: { pipelines } };
    const [locations, environment] = [[`yaml:${JSON.stringify(text)}`], {}];
    return loadConfig({ locations, settings: [], defaultLocation: "", environment, readFile: () => "", catalog });
  };
  const plain = () => load("debug", {});
  /** Starts with one that captures, and reads the next at a reload. */
  const proven = (next: () => LoadedConfig) => {
    const texts = [plain, next];
    const configs = new ConfigInUse(() => (texts.shift() ?? next)());
    configs.prove();
    return configs;
  };

  it("stays when the new one names a key or certificate that can't be read", async () => {
    const tls = { ca_file: "/no/such.pem" };
    const unreadable = {
      otlp_grpc: { endpoint: "https://a:4317", tls },
      otlp_http: { endpoint: "http://a:4318", profiles_endpoint: "https://a:4318", tls },
      kafka: { auth: { tls } },
    };
    for (const [type, settings] of Object.entries(unreadable)) {
      const configs = proven(() => load(type, settings));
      const { current } = configs;
      const message = new RegExp(`^exporters.${type}.tls.ca_file: /no/such.pem: ENOENT`);
      await assert.rejects(configs.reload(), { code: "EXPORTER_FILE_UNUSABLE", message });
      assert.equal(configs.current, current);
    }
  });

  it("does not look at keys that no connection uses", async () => {
    const tls = { ca_file: "/no/such.pem" };
    const unused = {
      otlp_grpc: { endpoint: "http://a:4317", tls },
      otlp_http: { endpoint: "http://a:4318", tls },
      kafka: { tls: { ...tls, insecure: true } },
    };
    for (const [type, settings] of Object.entries(unused)) await proven(() => load(type, settings)).reload();
  });

  it("goes back to the one that captured, once", async () => {
    const configs = proven(plain);
    const { current } = configs;
    assert.equal(configs.hasProven, false, "it is the current one");
    await configs.reload();
    assert.notEqual(configs.current, current);
    assert.equal(configs.hasProven, true);
    configs.goBack();
    assert.equal(configs.current, current);
    assert.equal(configs.hasProven, false, "it failed itself now");
  });

  it("has nothing to go back to before the first has captured", async () => {
    const configs = new ConfigInUse(plain);
    await configs.reload();
    assert.equal(configs.hasProven, false);
  });
});
