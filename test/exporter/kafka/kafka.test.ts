import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import type { TraceExporter } from "../../../src/exporter/exporter.ts";
import { crc32c } from "../../../src/exporter/kafka/crc32c.ts";
import { createKafkaExporter, createKafkaProfileExporter } from "../../../src/exporter/kafka/kafka.ts";
import { partitionOfKey } from "../../../src/exporter/kafka/partitioner.ts";
import { kafkaSettings, parseBroker } from "../../../src/exporter/kafka/settings.ts";
import { splitByTrace } from "../../../src/mapping/otlp/split-by-trace.ts";
import type { Span } from "../../../src/mapping/span.ts";
import { encodeTraceRequest } from "../../support/encode-spans.ts";
import { eventually } from "../../support/eventually.ts";
import { makeExporterDeps, type TestDeps } from "../../support/exporter-deps.ts";
import { FakeKafka, type FakeKafkaOptions, type FakeRecord } from "../../support/fake-kafka.ts";
import { freePort } from "../../support/free-port.ts";
import { decodeTraceRequest, normalRequest, type OtlpTraceRequest, spansOf } from "../../support/otlp-messages.ts";
import { makeResource, makeSpan, makeSpans } from "../../support/spans.ts";

const KEYED = { partition_traces_by_id: true };
const traceIdOf = (number: number) => String(number).padStart(32, "0");

describe("kafka exporter", () => {
  let kafka: FakeKafka;
  let deps: TestDeps;
  const cleanups: (() => Promise<unknown>)[] = [];

  beforeEach(() => {
    deps = makeExporterDeps();
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function broker(options: FakeKafkaOptions = {}): Promise<FakeKafka> {
    kafka = await FakeKafka.start(options);
    cleanups.push(() => kafka.stop());
    return kafka;
  }

  function parse(settings: object) {
    return kafkaSettings.parse({
      brokers: [kafka?.address],
      timeout: "2s",
      retry_on_failure: { initial_interval: "10ms", max_interval: "20ms" },
      sending_queue: { batch: { flush_timeout: "5ms" } },
      ...settings,
    });
  }

  async function start(settings: object = {}): Promise<TraceExporter> {
    const exporter = await createKafkaExporter("kafka", parse(settings), deps);
    cleanups.push(() => exporter.shutdown(0));
    await exporter.start();
    return exporter;
  }

  const spansIn = (records: readonly FakeRecord[]) =>
    records.flatMap(({ value }) => spansOf(decodeTraceRequest(value)));
  const told = () => JSON.stringify(deps.log.records);
  const ofTraces = (count: number, each: number): Span[] =>
    Array.from({ length: count * each }, (_, i) => makeSpan({ traceId: traceIdOf(i % count), name: `span ${i}` }));

  for (const compression of ["none", "gzip", "zstd"] as const) {
    it(`sends one OTLP request as one message, ${compression}`, async () => {
      await broker();
      const exporter = await start({ producer: { compression }, record_headers: { from: "test" }, client_id: "me" });
      const spans = makeSpans(20);
      exporter.consume(spans);
      await eventually(() => exporter.account.out === 20);
      assert.deepEqual([...kafka.topics], ["otlp_spans"]);
      const [record, ...others] = kafka.records;
      assert.deepEqual([others, record?.key, record?.headers], [[], undefined, [["from", "test"]]]);
      const oracle = decodeTraceRequest(encodeTraceRequest(spans));
      assert.deepEqual(normalRequest(decodeTraceRequest(record!.value)), normalRequest(oracle));
      assert.deepEqual(kafka.acks, [1]);
      assert.ok(kafka.requests.every(({ clientId }) => clientId === "me"));
      assert.equal(kafka.connections, 1);
    });
  }

  it("sends OTLP JSON to the topic that is wanted, by the older keys too", async () => {
    await broker();
    const exporter = await start({ encoding: "otlp_json", topic: "older" });
    exporter.consume(makeSpans(3));
    await eventually(() => exporter.account.out === 3);
    assert.deepEqual([...kafka.topics], ["older"]);
    const request = JSON.parse(kafka.records[0]!.value.toString()) as OtlpTraceRequest;
    assert.equal(spansOf(request).length, 3);
    const second = await start({
      encoding: "otlp_json",
      topic: "older",
      traces: { topic: "own", encoding: "otlp_proto" },
    });
    second.consume(makeSpans(2));
    await eventually(() => second.account.out === 2);
    assert.ok(kafka.topics.has("own"));
    assert.equal(spansIn(kafka.records.slice(1)).length, 2);
  });

  it("sends profiles to a topic of their own", async () => {
    await broker();
    const exporter = await createKafkaProfileExporter("kafka", parse({}), deps);
    cleanups.push(() => exporter.shutdown(0));
    await exporter.start();
    const resource = makeResource();
    const common = { durationNs: 1n, startTimeUnixNano: 1n, timeUnixNano: 1n, periodNs: 1n, samples: [] };
    exporter.consume([{ type: "cpu", resource, ...common } as never]);
    await eventually(() => exporter.account.out === 1);
    assert.deepEqual([...kafka.topics], ["otlp_profiles"]);
  });

  for (const encoding of ["otlp_proto", "otlp_json"] as const) {
    it(`keys messages by trace, ${encoding}`, async () => {
      await broker({ partitions: 5 });
      const exporter = await start({ ...KEYED, encoding });
      exporter.consume(ofTraces(8, 3));
      await eventually(() => exporter.account.out === 24);
      assert.deepEqual(
        kafka.records.map(({ key }) => key).sort(),
        Array.from({ length: 8 }, (_, i) => traceIdOf(i)),
      );
      for (const { key = "", value, partition } of kafka.records) {
        const request = encoding === "otlp_json" ? JSON.parse(value.toString()) : decodeTraceRequest(value);
        const spans = spansOf(request as OtlpTraceRequest);
        assert.equal(spans.length, 3);
        if (encoding === "otlp_json") assert.ok(spans.every(({ traceId }) => traceId === key));
        assert.equal(partition, partitionOfKey(Buffer.from(key), 5));
      }
    });
  }

  it("spreads messages without a key over the partitions that have a leader", async () => {
    await broker({ partitions: 4 });
    kafka.leaderless = [2];
    const exporter = await start({ sending_queue: { num_consumers: 1, batch: { flush_timeout: "1h", min_size: 1 } } });
    for (let i = 0; i < 9; i++) exporter.consume(makeSpans(1));
    await eventually(() => exporter.account.out === 9);
    const counts = [0, 1, 2, 3].map((each) => kafka.records.filter(({ partition }) => partition === each).length);
    assert.deepEqual(counts, [3, 3, 0, 3]);
  });

  it("keeps max_message_bytes, and names and counts a span that is larger", async () => {
    await broker();
    const exporter = await start({ producer: { max_message_bytes: 20_000 } });
    exporter.consume([...makeSpans(200), makeSpan({ name: "x".repeat(30_000) })]);
    await eventually(() => exporter.account.held === 0);
    assert.deepEqual([exporter.account.out, exporter.account.lost], [200, new Map([["permanent", 1]])]);
    assert.ok(kafka.records.length > 4);
    for (const { value } of kafka.records) assert.ok(value.length < 20_000 - 61);
    assert.match(told(), /max_message_bytes is 20000/);
  });

  it("packs what goes to one partition into batches that keep the limit", async () => {
    await broker();
    kafka.maxBatchBytes = 5_000;
    const exporter = await start({ ...KEYED, producer: { max_message_bytes: 5_000 } });
    exporter.consume(ofTraces(40, 1));
    await eventually(() => exporter.account.held === 0);
    assert.equal(exporter.account.out, 40);
    assert.ok(kafka.acks.length > 4);
  });

  it("keeps flush_max_messages", async () => {
    await broker();
    const exporter = await start({ ...KEYED, producer: { flush_max_messages: 10 } });
    exporter.consume(ofTraces(40, 1));
    await eventually(() => exporter.account.out === 40);
    assert.equal(kafka.acks.length, 4);
  });

  it("cuts what the broker finds too large", async () => {
    await broker();
    kafka.maxBatchBytes = 3_000;
    const exporter = await start();
    exporter.consume(makeSpans(50));
    await eventually(() => exporter.account.held === 0);
    assert.equal(exporter.account.out, 50);
    assert.equal(spansIn(kafka.records).length, 50);
  });

  it("tries again what a broker can't take now, and sends no message twice that it has taken", async () => {
    await broker({ partitions: 3 });
    kafka.produceErrors.push(0, 6, 19);
    const exporter = await start(KEYED);
    exporter.consume(ofTraces(30, 2));
    await eventually(() => exporter.account.out === 60);
    assert.equal(kafka.records.length, 30);
    assert.match(told(), /NOT_LEADER_OR_FOLLOWER|NOT_ENOUGH_REPLICAS/);
  });

  it("counts what is refused for good, and the rest as sent", async () => {
    await broker({ partitions: 3 });
    kafka.produceErrors.push(87);
    const exporter = await start(KEYED);
    exporter.consume(ofTraces(30, 2));
    await eventually(() => exporter.account.held === 0);
    assert.equal(exporter.account.out, kafka.records.length * 2);
    assert.equal(exporter.account.lost.get("rejected"), 60 - exporter.account.out);
    assert.match(told(), /INVALID_RECORD/);
  });

  it("waits for a topic that is not there yet", async () => {
    await broker();
    kafka.topicErrors.push(3, 5);
    const exporter = await start();
    exporter.consume(makeSpans(5));
    await eventually(() => exporter.account.out === 5);
    assert.match(told(), /topic otlp_spans: UNKNOWN_TOPIC_OR_PARTITION/);
  });

  it("waits for no answer with required_acks 0", async () => {
    await broker();
    const exporter = await start({ producer: { required_acks: 0 } });
    exporter.consume(makeSpans(5));
    await eventually(() => exporter.account.out === 5 && kafka.records.length === 1);
    assert.deepEqual(kafka.acks, [0]);
  });

  it("waits for a broker that is down, and asks another one", async () => {
    const [port, nobody] = [await freePort(), await freePort()];
    const exporter = await start({ brokers: [`127.0.0.1:${nobody}`, `127.0.0.1:${port}`] });
    exporter.consume(makeSpans(5));
    await eventually(() => /ECONNREFUSED/.test(told()));
    await broker({ port });
    await eventually(() => exporter.account.out === 5);
    assert.match(told(), new RegExp(`127\\.0\\.0\\.1:${nobody}`));
  });

  it("connects again when the connection breaks", async () => {
    await broker();
    const exporter = await start();
    for (let round = 1; round <= 3; round++) {
      exporter.consume(makeSpans(5));
      await eventually(() => exporter.account.out === 5 * round);
      kafka.dropConnections();
    }
    assert.equal(kafka.connections, 3);
  });

  it("gives up an attempt that is not answered", async () => {
    await broker();
    kafka.isSilent = true;
    const exporter = await start({ timeout: "50ms" });
    exporter.consume(makeSpans(5));
    await eventually(() => /no answer within 50 ms/.test(told()));
    kafka.isSilent = false;
    await eventually(() => exporter.account.out === 5);
  });

  it("shows who it is", async () => {
    await broker({ credentials: { username: "alice", password: "secret" } });
    const exporter = await start({ auth: { sasl: { username: "alice", password: "secret", mechanism: "PLAIN" } } });
    exporter.consume(makeSpans(5));
    await eventually(() => exporter.account.out === 5);
    const older = await start({ auth: { plain_text: { username: "alice", password: "secret" } } });
    older.consume(makeSpans(5));
    await eventually(() => older.account.out === 5);
  });

  const wrong: readonly (readonly [what: string, settings: object, message: RegExp])[] = [
    [
      "a wrong password",
      { auth: { sasl: { username: "alice", password: "wrong" } } },
      /SASL_AUTHENTICATION_FAILED.*who are you\? \[KAFKA_AUTHENTICATION_FAILED\]/,
    ],
    [
      "a mechanism that it does not know",
      { auth: { sasl: { username: "alice", password: "secret", mechanism: "SCRAM-SHA-512" } } },
      /UNSUPPORTED_SASL_MECHANISM, it offers PLAIN \[KAFKA_AUTHENTICATION_FAILED\]/,
    ],
    ["nothing", {}, /configure tls or auth|the connection was closed/],
    ["TLS where there is none", { tls: { insecure_skip_verify: true } }, /tls/i],
  ];
  for (const [what, settings, message] of wrong) {
    it(`says what is wrong when a broker gets ${what}, and never the password`, async () => {
      await broker({ credentials: { username: "alice", password: "secret" } });
      const exporter = await start({ timeout: "200ms", ...settings });
      exporter.consume(makeSpans(5));
      await eventually(() => message.test(told()));
      assert.equal(exporter.account.out, 0);
      assert.doesNotMatch(told(), /"wrong"|secret/);
    });
  }

  const strangers: readonly (readonly [what: string, answer: Buffer, message: RegExp])[] = [
    ["HTTP", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"), /it is no Kafka broker, its answer begins with/],
    [
      "nothing that makes sense",
      Buffer.from([0, 0, 0, 6, 0, 0, 0, 0, 0, 0]),
      /its answer is cut short \[KAFKA_BROKER_UNUSABLE\]/,
    ],
    [
      "an old Kafka",
      Buffer.from([0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 3, 0, 0, 0, 1]),
      /Kafka 0\.11 or newer is needed \[KAFKA_BROKER_UNUSABLE\]/,
    ],
  ];
  for (const [what, answer, message] of strangers) {
    it(`says so when what listens speaks ${what}`, async () => {
      const server: Server = createServer((socket) => {
        socket.on("error", () => {}).on("data", () => socket.write(answer));
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      cleanups.push(() => new Promise((resolve) => server.close(resolve)));
      const { port } = server.address() as { port: number };
      const exporter = await start({ brokers: [`127.0.0.1:${port}`] });
      exporter.consume(makeSpans(5));
      await eventually(() => message.test(told()));
      assert.match(told(), new RegExp(`127.0.0.1:${port}`));
      assert.equal(exporter.account.held, 5);
    });
  }
});

describe("kafka settings", () => {
  it("take brokers as a Collector writes them, and no others", () => {
    assert.deepEqual(parseBroker("kafka"), { host: "kafka", port: 9092 });
    assert.deepEqual(parseBroker("[::1]:9093"), { host: "::1", port: 9093 });
    for (const bad of ["", "a:0", "a:99999", "http://a:9092", "a b:1"]) assert.equal(parseBroker(bad), undefined, bad);
    assert.throws(() => kafkaSettings.parse({ brokers: ["http://a"] }), /not a broker/);
  });

  it("refuse what would fail later", () => {
    const bad: readonly object[] = [
      { topic: "a b" },
      { encoding: "jaeger_proto" },
      { producer: { required_acks: 2 } },
      { producer: { compression: "gzip", compression_params: { level: 12 } } },
      { auth: { sasl: { username: "a", password: "b" }, plain_text: { username: "a", password: "b" } } },
      { auth: { kerberos: {} } },
      { protocol_version: "new" },
    ];
    for (const each of bad) assert.equal(kafkaSettings.safeParse(each).success, false, JSON.stringify(each));
    assert.ok(kafkaSettings.safeParse({}).success);
  });

  it("take a Collector's keys that mean nothing here", () => {
    const settings = {
      protocol_version: "3.6.0",
      metadata: { full: false, refresh_interval: "1m", retry: { max: 3, backoff: "250ms" } },
      producer: { linger: "10ms", max_broker_write_bytes: 104_857_600 },
      auth: { sasl: { username: "a", password: "b", mechanism: "PLAIN", version: 1 } },
    };
    assert.equal(kafkaSettings.safeParse(settings).error, undefined);
  });
});

describe("what Kafka's messages are made of", () => {
  it("has the checksum of RFC 3720, B.4", () => {
    assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
    assert.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43);
    assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
  });

  it("hashes keys by FNV-1a", () => {
    // 32-bit FNV-1a of "foobar" is 0xbf9cf968, negative as an int32.
    assert.equal(partitionOfKey(Buffer.from("foobar"), 10), Math.abs((0xbf9cf968 | 0) % 10));
    assert.equal(partitionOfKey(Buffer.from("a"), 7), Math.abs((0xe40c292c | 0) % 7));
  });

  it("cuts a request by trace and keeps every span with its resource and scope", () => {
    const resources = [makeResource("a"), makeResource("b")];
    const spans = Array.from({ length: 40 }, (_, i) =>
      makeSpan({ traceId: traceIdOf(i % 7), name: `span ${i}`, resource: resources[i % 2]! }),
    );
    const parts = splitByTrace(encodeTraceRequest(spans));
    assert.equal(parts.length, 7);
    for (const { traceId, bytes, spanCount } of parts) {
      const own = spans.filter((span) => span.traceId === traceId);
      assert.equal(spanCount, own.length);
      const oracle = decodeTraceRequest(encodeTraceRequest(own));
      assert.deepEqual(byService(decodeTraceRequest(bytes)), byService(oracle));
    }
  });
});

/** Resources stand in the order of the whole request, which is not that of the trace. */
function byService({ resourceSpans = [] }: OtlpTraceRequest): unknown {
  const nameOf = (each: object) =>
    /"service\.name","value":\{"stringValue":"(\w+)"/.exec(JSON.stringify(each))?.[1] ?? "";
  return normalRequest({ resourceSpans: resourceSpans.toSorted((a, b) => nameOf(a).localeCompare(nameOf(b))) });
}
