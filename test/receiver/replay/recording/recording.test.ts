import assert from "node:assert/strict";
import { SocketRole } from "../../../../src/bpf/layout.gen.ts";
import { TcpState } from "../../../../src/mapping/engine-options.ts";
import { parseRecordingLine } from "../../../../src/receiver/replay/recording/parse-line.ts";
import { stateLine } from "../../../../src/receiver/replay/recording/recording.ts";
import { AF_UNIX, stateEvent } from "../../../support/events.ts";

const EVENT = { ...stateEvent(7, SocketRole.server, TcpState.established, 1e9), addressFamily: AF_UNIX };
const NO_NAME = new Uint8Array(0);

describe("a recording's line", () => {
  it("keeps the name of an AF_UNIX socket, also an abstract one", () => {
    for (const name of ["/run/php/php-fpm.sock\0", "\0abstract"]) {
      const bytes = Buffer.from(name, "latin1");
      const line = parseRecordingLine(stateLine({ ...EVENT, nameLength: bytes.length }, bytes));
      assert.ok(line?.kind === "state");
      assert.equal(Buffer.from(line.name).toString("latin1"), name);
      assert.equal(line.event.nameLength, bytes.length);
      assert.equal(line.event.addressFamily, AF_UNIX);
    }
  });

  it("is read without a name, and with one that is none", () => {
    const plain = parseRecordingLine(stateLine(EVENT, NO_NAME));
    assert.ok(plain?.kind === "state");
    assert.equal(plain.name.length, 0);
    const state = JSON.parse(stateLine(EVENT, NO_NAME));
    const long = parseRecordingLine(JSON.stringify({ ...state, name: "61".repeat(5000) }));
    assert.ok(long?.kind === "state" && long.name.length === 108);
  });
});
