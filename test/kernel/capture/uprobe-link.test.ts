/** Uprobes as links and as perf events: both tell all threads of one process, and nothing more when they are detached. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { countRunTime, programUse } from "../../../src/bpf/inventory.ts";
import { isKernelBefore } from "../../../src/bpf/kernel-version.ts";
import { BpfObject } from "../../../src/bpf/object.ts";
import { UPROBE_LINKS_SINCE } from "../../../src/bpf/uprobe-link.ts";
import { NOT_RELOCATED, offsetOf } from "../../support/probed-place.ts";
import { Scratch } from "../../support/scratch.ts";
import { skip } from "../../support/skip.ts";

const OBJECT = new URL("../../../bpf/socket_trace.bpf.o", import.meta.url);
const PROGRAM = "tokio_wake";
/** Calls `probed` for each letter that it reads, `t` on a thread of its own. */
const SOURCE = `
#include <pthread.h>
#include <stdio.h>
__attribute__((noinline)) void *probed(void *p) { __asm__ volatile("" ::: "memory"); return p; }
int main(void) {
  for (int c; (c = getchar()) != EOF; putchar('.'), fflush(stdout)) {
    pthread_t thread;
    if (c != 't') probed(NULL);
    else { pthread_create(&thread, NULL, probed, NULL); pthread_join(thread, NULL); }
  }
}
`;

describe("uprobes", function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let path: string;
  let offset: number;

  beforeEach(async () => {
    scratch = await Scratch.create();
    path = scratch.path("probed");
    writeFileSync(`${path}.c`, SOURCE);
    execFileSync("gcc", ["-O2", ...NOT_RELOCATED, "-o", path, `${path}.c`, "-lpthread"]);
    offset = offsetOf(path, "probed");
    const counting = countRunTime();
    scratch.defer(async () => counting[Symbol.dispose]());
  });
  afterEach(() => scratch.cleanUp());

  for (const areLinks of [true, false]) {
    it(`as ${areLinks ? "links" : "perf events"} tell all threads of the process, until they are detached`, async function () {
      if (areLinks && isKernelBefore(...UPROBE_LINKS_SINCE)) skip(this, "the kernel has no such links");
      const object = BpfObject.open("uprobes", readFileSync(OBJECT));
      scratch.defer(async () => object[Symbol.dispose]());
      object.selectPrograms(new Set([PROGRAM]));
      if (areLinks) object.useUprobeLinks();
      object.load();
      const [probed, other] = [start(scratch, path), start(scratch, path)];
      const detach = object.attachUprobe(PROGRAM, probed.tgid, path, offset);
      for (const letters of ["cc", "t", "ct"]) await probed.call(letters);
      await other.call("ctc");
      assert.equal(programUse(object, PROGRAM).runs, 5);
      await detach();
      await probed.call("ct");
      assert.equal(programUse(object, PROGRAM).runs, 5);
    });
  }

  it("are refused with a reason where there is no such file", () => {
    const object = BpfObject.open("uprobes", readFileSync(OBJECT));
    scratch.defer(async () => object[Symbol.dispose]());
    object.selectPrograms(new Set([PROGRAM]));
    if (!isKernelBefore(...UPROBE_LINKS_SINCE)) object.useUprobeLinks();
    object.load();
    const attach = () => object.attachUprobe(PROGRAM, process.pid, `${path}-none`, offset);
    assert.throws(attach, { code: "BPF_CALL_FAILED", message: /attach tokio_wake to process \d+/ });
  });
});

function start(scratch: Scratch, path: string) {
  const child = spawn(path, { stdio: ["pipe", "pipe", "inherit"] });
  scratch.defer(async () => {
    child.stdin.end();
    await once(child, "exit");
  });
  return {
    tgid: child.pid!,
    /** Back when it has called for each of them. */
    async call(letters: string): Promise<void> {
      child.stdin.write(letters);
      for (let answered = 0; answered < letters.length; ) {
        const [chunk] = (await once(child.stdout, "data")) as [Buffer];
        answered += chunk.length;
      }
    },
  };
}
