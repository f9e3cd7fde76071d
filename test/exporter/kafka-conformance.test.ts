/** The kafka exporter against Apache Kafka itself: what its own consumer reads is what was given. */
import assert from "node:assert/strict";
import { createKafkaExporter } from "../../src/exporter/kafka/kafka.ts";
import { kafkaSettings } from "../../src/exporter/kafka/settings.ts";
import { eventually } from "../support/eventually.ts";
import { makeExporterDeps } from "../support/exporter-deps.ts";
import { freePort } from "../support/free-port.ts";
import { KafkaServer, kafkaLibrary } from "../support/kafka.ts";
import { type OtlpTraceRequest, spansOf } from "../support/otlp-messages.ts";
import { Scratch } from "../support/scratch.ts";
import { skip } from "../support/skip.ts";
import { makeSpan } from "../support/spans.ts";

const SPANS = 60;
const TRACES = 6;
const traceIdOf = (number: number) => String(number % TRACES).padStart(32, "a");

describe("kafka exporter, with Apache Kafka", () => {
  let scratch: Scratch;
  let kafka: KafkaServer;
  let sasl: number;

  before(async function () {
    this.timeout(120_000);
    const library = kafkaLibrary();
    if ("missing" in library) skip(this, library.missing);
    scratch = await Scratch.create();
    const port = await freePort();
    sasl = await freePort();
    kafka = await KafkaServer.start(scratch, library.folder, {
      port,
      configuration: (controllerPort) => saslListener(port, sasl, controllerPort),
      format: ["--add-scram", "SCRAM-SHA-256=[name=alice,password=p=s-word]"],
    });
  });
  after(() => scratch?.cleanUp());

  async function send(settings: object): Promise<void> {
    const deps = makeExporterDeps();
    const parsed = kafkaSettings.parse({
      brokers: [kafka.address],
      encoding: "otlp_json",
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

  async function read(topic: string, count: number): Promise<{ key: string; partition: string; value: string }[]> {
    const output = await kafka.tool(
      "consumer.ConsoleConsumer",
      ...["--bootstrap-server", kafka.address, "--topic", topic, "--from-beginning", "--max-messages", `${count}`],
      ...["--timeout-ms", "20000", "--property", "print.key=true", "--property", "print.partition=true"],
      ...["--property", "print.headers=true"],
    );
    return output.split("\n").flatMap((line) => {
      const [partition = "", , key = "", value] = line.split("\t");
      return value === undefined ? [] : [{ key, partition, value }];
    });
  }
  const namesOf = (values: readonly string[]) =>
    values.flatMap((value) => spansOf(JSON.parse(value) as OtlpTraceRequest).map(({ name = "" }) => name)).sort();
  const all = Array.from({ length: SPANS }, (_, i) => `span ${i}`).sort();

  for (const [acks, compression] of [
    [1, "none"],
    [-1, "gzip"],
    [0, "zstd"],
    [1, "snappy"],
    [1, "lz4"],
  ] as const) {
    it(`is read with compression ${compression} and acks ${acks}`, async function () {
      this.timeout(60_000);
      const topic = `plain_${compression}`;
      // Without an answer nobody hears that the topic is not there yet.
      if (acks === 0) await kafka.tool("TopicCommand", ...at(), "--create", "--topic", topic);
      await send({
        traces: { topic },
        producer: { required_acks: acks, compression },
        record_headers: { from: "test" },
      });
      const messages = await read(topic, 1);
      assert.deepEqual(namesOf(messages.map(({ value }) => value)), all);
    });
  }

  it("has each trace in a message of its own, with its id as the key, in the partition of the key", async function () {
    this.timeout(60_000);
    await kafka.tool("TopicCommand", ...at(), "--create", "--topic", "traces", "--partitions", "4");
    await send({ topic: "traces", partition_traces_by_id: true });
    const messages = await read("traces", TRACES);
    assert.deepEqual(
      messages.map(({ key }) => key).sort(),
      Array.from({ length: TRACES }, (_, i) => traceIdOf(i)).sort(),
    );
    assert.deepEqual(namesOf(messages.map(({ value }) => value)), all);
    for (const { key, value } of messages) {
      const ids = spansOf(JSON.parse(value) as OtlpTraceRequest).map(({ traceId }) => traceId);
      assert.deepEqual(new Set(ids), new Set([key]));
    }
  });

  it("cuts what the topic's limit does not take", async function () {
    this.timeout(60_000);
    const limit = ["--config", "max.message.bytes=12000"];
    await kafka.tool("TopicCommand", ...at(), "--create", "--topic", "small", ...limit);
    await send({ topic: "small" });
    const offsets = await kafka.tool("GetOffsetShell", ...at(), "--topic", "small");
    const count = Number(/^small:0:(\d+)$/m.exec(offsets)?.[1]);
    assert.ok(count > 1, offsets);
    const messages = await read("small", count);
    assert.deepEqual(namesOf(messages.map(({ value }) => value)), all);
  });

  for (const mechanism of ["PLAIN", "SCRAM-SHA-256"]) {
    it(`proves who it is by ${mechanism}`, async function () {
      this.timeout(60_000);
      const topic = `sasl_${mechanism}`;
      const auth = { sasl: { username: "alice", password: "p=s-word", mechanism } };
      await send({ brokers: [`127.0.0.1:${sasl}`], topic, auth });
      assert.deepEqual(namesOf((await read(topic, 1)).map(({ value }) => value)), all);
    });
  }

  const at = () => ["--bootstrap-server", kafka.address];
});

function saslListener(port: number, sasl: number, controllerPort: number): string[] {
  const module = (name: string) => `org.apache.kafka.common.security.${name} required`;
  return [
    `listeners=PLAINTEXT://127.0.0.1:${port},SASL://127.0.0.1:${sasl},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${port},SASL://127.0.0.1:${sasl}`,
    "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
    "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256",
    `listener.name.sasl.plain.sasl.jaas.config=${module("plain.PlainLoginModule")} user_alice="p=s-word";`,
    `listener.name.sasl.scram-sha-256.sasl.jaas.config=${module("scram.ScramLoginModule")};`,
  ];
}
