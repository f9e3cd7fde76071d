import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TraceExporter } from "../../../src/exporter/exporter.ts";
import { createKafkaExporter } from "../../../src/exporter/kafka/kafka.ts";
import { kafkaSettings } from "../../../src/exporter/kafka/settings.ts";
import { type Certificates, hasOpenssl, makeCertificates } from "../../support/certificates.ts";
import { eventually } from "../../support/eventually.ts";
import { makeExporterDeps, type TestDeps } from "../../support/exporter-deps.ts";
import { FakeKafka } from "../../support/fake-kafka.ts";
import { type OpenedConnection, watchConnections } from "../../support/opened-connections.ts";
import { skip } from "../../support/skip.ts";
import { makeSpans } from "../../support/spans.ts";

describe("kafka exporter with TLS", () => {
  let folder: string | undefined;
  let files: Certificates;
  let kafka: FakeKafka;
  let deps: TestDeps;
  let exporter: TraceExporter | undefined;

  before(function () {
    if (!hasOpenssl()) skip(this, "openssl is not installed");
    folder = mkdtempSync(join(tmpdir(), "kafka-tls-"));
    files = makeCertificates(folder);
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });
  beforeEach(async () => {
    deps = makeExporterDeps();
    const [ca, cert, key] = [files.caFile, files.certFile, files.keyFile].map((file) => readFileSync(file));
    kafka = await FakeKafka.start({ tls: { ca, cert, key, requestCert: true, rejectUnauthorized: true } });
  });
  afterEach(async () => {
    await exporter?.shutdown(0);
    await kafka.stop();
  });

  async function send(settings: object): Promise<TraceExporter> {
    const parsed = kafkaSettings.parse({
      brokers: [`localhost:${kafka.port}`],
      timeout: "1s",
      retry_on_failure: { initial_interval: "10ms", max_interval: "20ms" },
      sending_queue: { batch: { flush_timeout: "1ms" } },
      ...settings,
    });
    exporter = await createKafkaExporter("kafka", parsed, deps);
    await exporter.start();
    exporter.consume(makeSpans(3));
    return exporter;
  }
  const own = () => ({ ca_file: files.caFile, cert_file: files.certFile, key_file: files.keyFile });
  const told = () => JSON.stringify(deps.log.records);

  for (const place of ["tls", "auth.tls"]) {
    it(`shows a certificate, as ${place} says, on a connection that is known as ours`, async () => {
      const connections: OpenedConnection[] = [];
      using _ = watchConnections((connection) => connections.push(connection));
      // The leader is named by its address, which is not in the certificate.
      const tls = { ...own(), server_name_override: "localhost" };
      const made = await send(place === "tls" ? { tls } : { auth: { tls } });
      await eventually(() => made.account.out === 3);
      assert.deepEqual(new Set(connections.map(({ remotePort }) => remotePort)), new Set([kafka.port]));
      assert.ok(connections.length > 0);
    });
  }

  const wrong: readonly (readonly [what: string, settings: () => object, message: RegExp])[] = [
    ["an unknown authority", () => ({ tls: {} }), /name its authority in tls\.ca_file/],
    [
      "a name that is not in its certificate",
      () => ({ tls: { ...own(), server_name_override: "other" } }),
      /server_name_override/,
    ],
    ["no certificate of ours", () => ({ tls: { ca_file: files.caFile } }), /tls\.cert_file|closed/],
    ["no TLS", () => ({}), /if it wants TLS or SASL, configure tls or auth/],
  ];
  for (const [what, settings, message] of wrong) {
    it(`says what is wrong: ${what}`, async () => {
      const made = await send(settings());
      await eventually(() => message.test(told()));
      assert.equal(made.account.out, 0);
    });
  }
});
