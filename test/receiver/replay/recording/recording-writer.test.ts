import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Writable } from "node:stream";
import { gunzipSync } from "node:zlib";
import { ProcessAction, type ProcessEvent } from "../../../../src/bpf/layout.gen.ts";
import { RecordingWriter } from "../../../../src/receiver/replay/recording/recording-writer.ts";
import { Scratch } from "../../../support/scratch.ts";

const HEADER = { clockOffsetNs: 1n, hostName: "a" };
const EVENT = {
  header: { timestampNs: 1, kind: 3, tgid: 7, pid: 7 },
  action: ProcessAction.exit,
  comm: new Uint8Array(16),
} as unknown as ProcessEvent;

describe("recording writer", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  it("accounts for every event that is in the file", async () => {
    for (const name of ["events", "events.gz"]) {
      const path = scratch.path(name);
      const writer = new RecordingWriter(path, HEADER);
      for (let i = 0; i < 100; i++) writer.process(EVENT);
      await writer.close();
      const bytes = readFileSync(path);
      const text = (name.endsWith("gz") ? gunzipSync(bytes) : bytes).toString();
      assert.equal(text.trimEnd().split("\n").length, 101);
      assert.deepEqual([writer.account.in, writer.account.out, writer.account.held], [100, 100, 0]);
    }
  });

  it("says once that its file can't be written, and counts what is not in it", async () => {
    for (const isGzip of [false, true]) {
      const failures: Error[] = [];
      const full = new Writable({ write: (_chunk, _encoding, done) => done(new Error("ENOSPC")) });
      const writer = new RecordingWriter(full, HEADER, { isGzip, onFailure: (error) => failures.push(error) });
      for (let i = 0; i < 10_000; i++) writer.process(EVENT);
      await writer.close();
      writer.process(EVENT);
      await writer.close();
      assert.deepEqual(
        failures.map(({ message }) => message),
        ["ENOSPC"],
      );
      const { account } = writer;
      assert.deepEqual([account.in, account.held], [10_001, 0]);
      assert.ok((account.lost.get("write_failed") ?? 0) > 0);
      if (!isGzip) assert.equal(account.out, 0);
    }
  });
});
