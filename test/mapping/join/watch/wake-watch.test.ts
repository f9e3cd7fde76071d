import { deepEqual } from "node:assert/strict";
import type { Watched } from "../../../../src/mapping/join/watch/watch.ts";
import { get, Host, ok } from "../../../support/host.ts";

const TGID = 500;
const LISTENER = { tgid: TGID, pid: 501 };
const CALLER = { tgid: TGID, pid: 502 };

/** A thread reads and answers, another one calls for it; two requests are always open. */
function callInVain(host: Host, count: number): void {
  const open = host.connect({ only: "server" }).serverReads(LISTENER, get("/open"));
  for (let index = 0; index < count; index++) {
    const link = host.connect({ only: "server" }).serverReads(LISTENER, get(`/${index}`));
    host
      .connect({ only: "client" })
      .send(CALLER, get(`/${index}.1`))
      .clientReads(CALLER, ok());
    link.answer(LISTENER, ok());
  }
  open.answer(LISTENER, ok());
}

describe("which thread wakes which", () => {
  const told: [number, Watched, boolean][] = [];
  const hostOf = (areThreadsUnits: boolean) => {
    told.length = 0;
    return new Host({
      watch: (...what) => told.push(what),
      areThreadsUnits: () => areThreadsUnits,
    });
  };

  it("is asked for when threads that read nothing have called in vain", () => {
    const host = hostOf(true);
    callInVain(host, 4);
    host.end();
    deepEqual(told, []);
    callInVain(host, 8);
    host.end();
    deepEqual(told, [[TGID, "wakes", true]]);
  });

  it("is not asked for any more when it has brought nothing", () => {
    const host = hostOf(true);
    for (let round = 0; round < 60; round++) callInVain(host, 10);
    host.end();
    deepEqual(told, [
      [TGID, "wakes", true],
      [TGID, "wakes", false],
    ]);
  });

  it("is not asked for where a runtime moves its work between threads", () => {
    const host = hostOf(false);
    callInVain(host, 40);
    host.end();
    deepEqual(told, []);
  });
});
