import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Direction, SocketRole } from "../../../src/bpf/layout.gen.ts";
import { RecordedEngine } from "../../../src/receiver/socket-trace/recorded-engine.ts";
import { dataEvent, exitEvent, tuple } from "../../support/events.ts";
import { Scratch } from "../../support/scratch.ts";

const ADDRESSES = tuple("10.0.0.1", 40_000, "10.0.0.2", 80);

function send(tgid: number) {
  const options = {
    cookie: 1,
    offset: 0,
    length: 2,
    captured: 2,
    direction: Direction.egress,
    role: SocketRole.client,
  };
  const sequences = { localFirstSequence: 1, remoteFirstSequence: 2 };
  return dataEvent({ ...options, ...sequences, by: { tgid }, timestampNs: 1, tuple: ADDRESSES });
}

describe("recorded engine", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  it("leaves out the self-test's processes as long as they live, and counts what it leaves out", async () => {
    const path = scratch.path("events");
    const passedOn: number[] = [];
    const target = {
      accounts: [],
      socketData: ({ header }: { header: { tgid: number } }) => passedOn.push(header.tgid),
      process: () => {},
      advance: () => {},
    };
    const engine = new RecordedEngine(target as never, {
      path,
      keepsContent: false,
      hostName: "a",
      clockOffsetNs: 0n,
      leavesOut: [7],
      resourceOf: (tgid) => ({ attributes: [["process.pid", tgid]] }) as never,
      onFailure: assert.fail,
    });
    const bytes = Uint8Array.of(1, 2);
    for (const tgid of [7, 8]) engine.socketData(send(tgid), bytes);
    engine.advance(1);
    engine.process(exitEvent(7, 2));

    engine.socketData(send(7), bytes);
    await engine.close();
    assert.deepEqual(passedOn, [7, 8, 7]);
    assert.deepEqual(readFileSync(path, "utf8").match(/"tgid":\d+/g), ['"tgid":8', '"tgid":8', '"tgid":7', '"tgid":7']);
    const [account] = engine.accounts;
    assert.deepEqual([account?.in, account?.out, account?.held], [4, 2, 0]);
    assert.deepEqual(account?.consumed, new Map([["self_test", 2]]));
  });
});
