/** The kafka exporter alone against Apache Kafka: what Kafka's own consumer reads is what was given. */
import assert from "node:assert/strict";
import { createKafkaExporter } from "../../../src/exporter/kafka/kafka.ts";
import { kafkaSettings } from "../../../src/exporter/kafka/settings.ts";
import { eventually } from "../../support/eventually.ts";
import { makeExporterDeps } from "../../support/exporter-deps.ts";
import { freePort } from "../../support/free-port.ts";
import { KafkaServer, kafkaLibrary } from "../../support/kafka.ts";
import { type OtlpTraceRequest, spansOf } from "../../support/otlp-messages.ts";
import { Scratch } from "../../support/scratch.ts";
import { skip } from "../../support/skip.ts";
import { makeSpan } from "../../support/spans.ts";

const SPANS = 60;
const TRACES = 6;
const PARTITIONS = 4;
const PASSWORD = "p=s-word";
const traceIdOf = (number: number) => String(number % TRACES).padStart(32, "a");

interface Message {
  /** As its header says. */
  readonly from: string;
  readonly partition: string;
  readonly key: string;
  readonly spans: readonly { readonly name?: string; readonly traceId: string }[];
}

describe("kafka exporter, with Apache Kafka", () => {
  let scratch: Scratch;
  let kafka: KafkaServer;
  let sasl: number;
  let messages: readonly Message[] = [];

  before(async function () {
    this.timeout(180_000);
    const library = kafkaLibrary();
    if ("missing" in library) skip(this, library.missing);
    scratch = await Scratch.create();
    const port = await freePort();
    sasl = await freePort();
    kafka = await KafkaServer.start(scratch, library.folder, {
      port,
      configuration: (controllerPort) => [...listeners(port, sasl, controllerPort), `num.partitions=${PARTITIONS}`],
      format: ["--add-scram", `SCRAM-SHA-256=[name=alice,password=${PASSWORD}]`],
    });
    const at = ["--bootstrap-server", kafka.address];
    await kafka.tool("TopicCommand", ...at, "--create", "--topic", "small", "--config", "max.message.bytes=12000");
    for (const [from, settings] of variants(sasl)) await send(from, settings);
    // The topic is there by now: nobody would hear that it is not.
    await send("acks 0", { topic: "many", producer: { required_acks: 0 } });
    messages = await readAll(at);
  });
  after(() => scratch?.cleanUp());

  async function send(from: string, settings: object): Promise<void> {
    const deps = makeExporterDeps();
    const parsed = kafkaSettings.parse({
      brokers: [kafka.address],
      encoding: "otlp_json",
      topic: "many",
      record_headers: { from },
      sending_queue: { batch: { flush_timeout: "1ms" } },
      retry_on_failure: { initial_interval: "200ms" },
      timeout: "20s",
      ...settings,
    });
    const exporter = await createKafkaExporter("kafka", parsed, deps);
    await exporter.start();
    exporter.consume(Array.from({ length: SPANS }, (_, i) => makeSpan({ name: `span ${i}`, traceId: traceIdOf(i) })));
    await eventually(() => exporter.account.held === 0);
    await exporter.shutdown(1_000);
    assert.equal(exporter.account.out, SPANS, JSON.stringify(deps.log.records));
  }

  async function readAll(at: readonly string[]): Promise<Message[]> {
    const offsets = await kafka.tool("GetOffsetShell", ...at, "--topic-partitions", "many,small");
    const counts = [...offsets.matchAll(/^(?:many|small):\d+:(\d+)$/gm)].map(([, count]) => Number(count));
    const count = counts.reduce((sum, each) => sum + each, 0);
    const show = ["key", "partition", "headers"].flatMap((what) => ["--property", `print.${what}=true`]);
    const output = await kafka.tool(
      "consumer.ConsoleConsumer",
      ...[...at, "--include", "many|small", "--from-beginning", "--max-messages", `${count}`, "--timeout-ms", "20000"],
      ...show,
    );
    return output.split("\n").flatMap((line) => {
      const [partition = "", headers = "", key = "", json] = line.split("\t");
      if (json === undefined || !headers.startsWith("from:")) return [];
      return [{ from: headers.slice(5), partition, key, spans: spansOf(JSON.parse(json) as OtlpTraceRequest) }];
    });
  }

  const of = (from: string) => messages.filter((each) => each.from === from);
  const assertWhole = (from: string) => {
    const names = of(from).flatMap(({ spans }) => spans.map(({ name = "" }) => name));
    assert.deepEqual(names.sort(), Array.from({ length: SPANS }, (_, i) => `span ${i}`).sort());
  };

  for (const [from] of [...variants(0), ["acks 0"] as const]) it(`is read: ${from}`, () => assertWhole(from));

  it("has each trace in a message of its own, with its id as the key, in one partition", () => {
    const keyed = of("by trace");
    assert.deepEqual(keyed.map(({ key }) => key).sort(), Array.from({ length: TRACES }, (_, i) => traceIdOf(i)).sort());
    for (const { key, spans } of keyed) assert.deepEqual(new Set(spans.map(({ traceId }) => traceId)), new Set([key]));
    assert.ok(new Set(keyed.map(({ partition }) => partition)).size > 1);
  });

  it("is cut where the topic's limit is lower than ours", () => {
    assert.ok(of("a low limit").length > 1);
  });
});

function variants(sasl: number): readonly (readonly [from: string, settings: object])[] {
  const login = (mechanism: string) => ({
    brokers: [`127.0.0.1:${sasl}`],
    auth: { sasl: { username: "alice", password: PASSWORD, mechanism } },
  });
  return [
    ["as it is", {}],
    ["all replicas", { producer: { required_acks: -1 } }],
    ...["gzip", "snappy", "lz4", "zstd"].map((compression) => [compression, { producer: { compression } }] as const),
    ["by trace", { partition_traces_by_id: true }],
    ["a low limit", { topic: "small" }],
    ["PLAIN", login("PLAIN")],
    ["SCRAM-SHA-256", login("SCRAM-SHA-256")],
  ];
}

function listeners(port: number, sasl: number, controllerPort: number): string[] {
  const module = (name: string) => `org.apache.kafka.common.security.${name} required`;
  return [
    `listeners=PLAINTEXT://127.0.0.1:${port},SASL://127.0.0.1:${sasl},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${port},SASL://127.0.0.1:${sasl}`,
    "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
    "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256",
    `listener.name.sasl.plain.sasl.jaas.config=${module("plain.PlainLoginModule")} user_alice="${PASSWORD}";`,
    `listener.name.sasl.scram-sha-256.sasl.jaas.config=${module("scram.ScramLoginModule")};`,
  ];
}
