import assert from "node:assert/strict";
import { performance } from "node:perf_hooks";
import { TridentAgent } from "../../../src/extension/trident/agent.ts";
import { TridentAgentFileError } from "../../../src/extension/trident/error.ts";
import { tridentAgentSettings } from "../../../src/extension/trident/settings.ts";
import { Controller } from "../../../src/receiver/trident/controller/controller.ts";
import { TridentFileError } from "../../../src/receiver/trident/error.ts";
import { tridentReceiverSettings } from "../../../src/receiver/trident/settings.ts";
import { type Certificates, hasOpenssl, makeCertificates } from "../../support/certificates.ts";
import { eventually } from "../../support/eventually.ts";
import { RecordingLog } from "../../support/recording-log.ts";
import { Scratch } from "../../support/scratch.ts";
import { skip } from "../../support/skip.ts";

let unique = 0;

for (const generation of ["agent", "trident"] as const) {
  describe(`generation ${generation} over TLS`, () => {
    let scratch: Scratch;
    let files: Certificates;
    let server: Controller;
    let log: RecordingLog;

    before(async function () {
      if (!hasOpenssl()) skip(this, "openssl is not installed");
      scratch = await Scratch.create();
      files = makeCertificates(scratch.folder);
    });

    after(() => scratch?.cleanUp());

    beforeEach(() => {
      log = new RecordingLog();
    });

    async function start(tls: object): Promise<void> {
      const { controller } = tridentReceiverSettings.parse({ controller: { endpoint: "127.0.0.1:0", tls } });
      server = new Controller(controller!, "127.0.0.1:20033", log, () => performance.now());
      await server.start();
    }

    function makeAgent(tls: object | undefined): TridentAgent {
      const settings = tridentAgentSettings.parse({
        controllers: [`127.0.0.1:${server.port}`],
        generation,
        retry_interval: "50ms",
        ...(tls === undefined ? {} : { tls: { server_name_override: "localhost", ...tls } }),
      });
      return new TridentAgent(`trident/tls${unique++}`, settings, log, () => performance.now());
    }

    /** Runs the agent until `condition` holds of it. */
    async function run(agent: TridentAgent, condition: () => boolean): Promise<void> {
      try {
        await agent.start();
        await eventually(condition);
      } finally {
        await agent.shutdown();
        await server.shutdown();
      }
    }

    const ownPair = () => ({ cert_file: files.certFile, key_file: files.keyFile });

    it("registers with a controller whose certificate it can check", async () => {
      await start(ownPair());
      const agent = makeAgent({ ca_file: files.caFile });
      await run(agent, () => agent.state.isRegistered && agent.pushes > 0);
    });

    it("shows its own certificate where the controller wants one", async () => {
      await start({ ...ownPair(), client_ca_file: files.caFile });
      const agent = makeAgent({ ca_file: files.caFile, ...ownPair() });
      await run(agent, () => agent.state.isRegistered);
    });

    it("is refused without a certificate where the controller wants one", async () => {
      await start({ ...ownPair(), client_ca_file: files.caFile });
      const agent = makeAgent({ ca_file: files.caFile });
      await run(agent, () => log.records.some(({ message }) => message === "controller can't be reached"));
      assert.equal(agent.syncs, 0);
      assert.equal(server.core.account.in, 0);
    });

    it("refuses a controller that it can't check, and says so", async () => {
      await start(ownPair());
      const agent = makeAgent({});
      await run(agent, () => log.records.some(({ message }) => message === "controller can't be reached"));
      assert.equal(agent.syncs, 0);
    });

    it("does not speak in clear to a controller that wants TLS", async () => {
      await start(ownPair());
      const agent = makeAgent(undefined);
      await run(agent, () => log.records.some(({ message }) => message === "controller can't be reached"));
      assert.equal(server.core.account.in, 0);
    });
  });
}

describe("TLS files of the bridge", () => {
  it("are named when they can't be read", async () => {
    const tls = { ca_file: "/nonexistent/ca.pem" };
    const settings = tridentAgentSettings.parse({ controllers: ["127.0.0.1:1"], tls });
    const log = new RecordingLog();
    assert.throws(
      () => new TridentAgent("trident/files", settings, log, () => 0),
      (error) => error instanceof TridentAgentFileError && error.message.includes("/nonexistent/ca.pem"),
    );
    const { controller } = tridentReceiverSettings.parse({
      controller: { endpoint: "127.0.0.1:0", tls: { cert_file: "/nonexistent/c", key_file: "/nonexistent/k" } },
    });
    await assert.rejects(
      async () => new Controller(controller!, undefined, log, () => 0).start(),
      (error) => error instanceof TridentFileError && error.message.includes("/nonexistent/"),
    );
  });
});
