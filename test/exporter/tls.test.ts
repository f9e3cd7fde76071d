import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { ExporterFileError } from "../../src/exporter/error.ts";
import type { TraceExporter } from "../../src/exporter/exporter.ts";
import { createOtlpGrpcExporter } from "../../src/exporter/otlp/otlp-grpc.ts";
import { otlpGrpcSettings } from "../../src/exporter/otlp/otlp-grpc-settings.ts";
import { createOtlpHttpExporter } from "../../src/exporter/otlp/otlp-http.ts";
import { otlpHttpSettings } from "../../src/exporter/otlp/otlp-http-settings.ts";
import { type Certificates, hasOpenssl, makeCertificates } from "../support/certificates.ts";
import { eventually } from "../support/eventually.ts";
import { makeExporterDeps } from "../support/exporter-deps.ts";
import { type OpenedConnection, watchConnections } from "../support/opened-connections.ts";
import { OtlpCollector } from "../support/otlp-collector.ts";
import { OtlpHttpCollector } from "../support/otlp-http-collector.ts";
import { skip } from "../support/skip.ts";
import { makeSpans } from "../support/spans.ts";

const quick = {
  sending_queue: { batch: { flush_timeout: "1ms" } },
  retry_on_failure: { initial_interval: "10ms", max_interval: "20ms" },
};

interface TestCollector {
  readonly port: number;
  readonly spans: readonly unknown[];
  stop(): Promise<void>;
}

/** Both exporters keep the same promises; the server wants a client certificate of the same authority. */
for (const type of ["otlp_grpc", "otlp_http"] as const) {
  describe(`${type} exporter with TLS`, () => {
    let folder: string | undefined;
    let files: Certificates;
    let collector: TestCollector;
    let exporter: TraceExporter | undefined;

    before(function () {
      if (!hasOpenssl()) skip(this, "openssl is not installed");
      folder = mkdtempSync(join(tmpdir(), "tls-"));
      files = makeCertificates(folder);
    });

    after(() => {
      if (folder !== undefined) rmSync(folder, { recursive: true });
    });

    beforeEach(async () => {
      const [ca, cert, key] = [files.caFile, files.certFile, files.keyFile].map((file) => readFileSync(file));
      collector =
        type === "otlp_grpc"
          ? await OtlpCollector.start({
              credentials: grpc.ServerCredentials.createSsl(ca!, [{ cert_chain: cert!, private_key: key! }], true),
            })
          : await OtlpHttpCollector.start({ ca, cert, key, requestCert: true, rejectUnauthorized: true });
    });

    afterEach(async () => {
      await exporter?.shutdown(0);
      await collector.stop();
    });

    async function start(tls: object): Promise<TraceExporter> {
      const settings = {
        ...quick,
        endpoint: `https://127.0.0.1:${collector.port}`,
        tls: { cert_file: files.certFile, key_file: files.keyFile, ...tls },
      };
      exporter =
        type === "otlp_grpc"
          ? await createOtlpGrpcExporter(type, otlpGrpcSettings.parse(settings), makeExporterDeps())
          : await createOtlpHttpExporter(type, otlpHttpSettings.parse(settings), makeExporterDeps());
      await exporter.start();
      exporter.consume(makeSpans(3));
      return exporter;
    }

    it("trusts ca_file, for the name that server_name_override says, and shows its own certificate", async () => {
      const connections: OpenedConnection[] = [];
      using _watch = watchConnections((connection) => connections.push(connection));
      const { account } = await start({ ca_file: files.caFile, server_name_override: "otel.test" });
      await eventually(() => account.out === 3);
      assert.equal(collector.spans.length, 3);
      assert.equal(connections.filter(({ remotePort }) => remotePort === collector.port).length, 1);
    });

    it("does not trust another name, or an unknown authority", async () => {
      const otherName = await start({ ca_file: files.caFile, server_name_override: "other.test" });
      await eventually(() => otherName.state?.failure !== undefined);
      await otherName.shutdown(0);
      const unknown = await start({ server_name_override: "otel.test" });
      await eventually(() => unknown.state?.failure !== undefined);
      assert.equal(collector.spans.length, 0);
    });

    it("trusts anything with insecure_skip_verify", async () => {
      const { account } = await start({ insecure_skip_verify: true });
      await eventually(() => account.out === 3);
    });

    it("takes keys and certificates as text, and keeps to the versions of TLS", async () => {
      const [ca_pem, cert_pem, key_pem] = [files.caFile, files.certFile, files.keyFile].map((file) =>
        readFileSync(file, "utf8"),
      );
      const texts = { ca_pem, cert_pem, key_pem, cert_file: undefined, key_file: undefined };
      const { account } = await start({ ...texts, server_name_override: "otel.test", min_version: "1.3" });
      await eventually(() => account.out === 3);
    });

    it("says what to do about a certificate that is not trusted, and about one that is missing", async () => {
      const unknown = await start({ server_name_override: "otel.test" });
      await eventually(() => /name its authority in tls\.ca_file/.test(unknown.state?.failure ?? ""));
      await unknown.shutdown(0);
      const other = await start({ ca_file: files.caFile, server_name_override: "other.test" });
      await eventually(() => /tls\.server_name_override/.test(other.state?.failure ?? ""));
      await other.shutdown(0);
      const without = { ca_file: files.caFile, server_name_override: "otel.test" };
      const silent = await start({ ...without, cert_file: undefined, key_file: undefined });
      await eventually(() => /tls\.cert_file and tls\.key_file/.test(silent.state?.failure ?? ""));
    });

    it("finds at the start what is no certificate or no key, or belongs to another", async () => {
      const wrong = [
        [{ ca_file: files.keyFile }, /^tls\.ca_file: .*holds no certificate/],
        [{ cert_file: files.keyFile }, /^tls\.cert_file: .*holds no certificate/],
        [{ key_file: files.certFile }, /^tls\.key_file: .*holds no private key/],
        [{ key_file: files.caKeyFile }, /^tls\.key_file: .*is not the key of the certificate/],
      ] as const;
      for (const [tls, message] of wrong) {
        await assert.rejects(start(tls), (error) => error instanceof ExporterFileError && message.test(error.message));
      }
    });

    it("says which file can't be read", async () => {
      await assert.rejects(start({ ca_file: "/nowhere/missing.pem" }), (error) => {
        assert.ok(error instanceof ExporterFileError);
        assert.match(error.message, /^tls\.ca_file: .*missing\.pem: ENOENT/);
        return true;
      });
    });
  });
}
