import assert from "node:assert/strict";
import { CauseKind } from "../../../../src/bpf/layout.gen.ts";
import type { Doer } from "../../../support/events.ts";
import { get, Host, ok } from "../../../support/host.ts";
import { type Score, score } from "../../../support/simulation.ts";

const TGID = 500;
const MADE_TO_RUN = 0x40_0000;
const CONNECTIONS = 4;
const ROUNDS = 12;

/**
 * Goroutines that call when whoever has made them has answered and has read the connection's next request.
 *
 * @param isHelper the first request of a connection makes one, which calls for all of the connection
 */
function simulate(isHelper: boolean): Score {
  const host = new Host();
  const upstream = host.connect({ only: "client", serverPort: 9000 });
  const links = Array.from({ length: CONNECTIONS }, () => host.connect({ only: "server" }));
  let next = 0;
  let later: (() => void)[] = [];
  const firstReads: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const due = later;
    later = [];
    for (const [index, link] of links.entries()) {
      const id = index + 1;
      const request = ++next;
      link.serverReads(
        { tgid: TGID, coroutineId: id, causeKind: CauseKind.goConnection, causeId: 0xc000 + id * 96 },
        get(`/r${request}`),
      );
      host.pass(0.01);
      firstReads[index] ??= host.nowNs;
      const causeRequest = isHelper ? firstReads[index] : host.nowNs;
      const by: Doer = {
        tgid: TGID,
        coroutineId: isHelper ? 1000 + id : 1000 + request,
        causeKind: CauseKind.goCreator,
        causeId: id,
        causeRequest,
        unitParent: MADE_TO_RUN,
      };
      link.answer({ tgid: TGID, coroutineId: id }, ok());
      later.push(() => upstream.send(by, get(`/r${request}.1`)).clientReads(by, ok()));
    }
    host.pass(1);
    for (const call of due) call();
  }
  for (const call of later) call();
  host.pass(5000);
  host.end();
  return score(host);
}

describe("goroutines whose maker has read on", () => {
  it("call for the request that it was at when it made them", () => {
    const { right, wrong, wrongEvidence } = simulate(false);
    assert.equal(wrong, 0, wrongEvidence.join(" "));
    assert.ok(right >= CONNECTIONS * (ROUNDS - 2), `${right} of ${CONNECTIONS * ROUNDS}`);
  });

  it("are not believed where the first request of a connection has made one for all", () => {
    const { wrong, wrongEvidence } = simulate(true);
    assert.equal(wrong, 0, wrongEvidence.join(" "));
  });
});
