import assert from "node:assert/strict";
import { RetiredUprobes } from "../../../src/broker/capture/retired-uprobes.ts";
import { Uprobes } from "../../../src/broker/capture/uprobes.ts";
import { eventually } from "../../support/eventually.ts";

const MAPS = "400000-500000 r-xp 00000000 08:01 1234 /usr/bin/program\n";
const PLACE = { start: 0x400000, end: 0x500000 };
const NEVER_MS = 1e6;

/** Says what is attached and detached; a detach is over when `release` is called. */
class Kernel {
  readonly said: string[] = [];
  readonly #open: (() => void)[] = [];

  readonly attach = (_program: string, tgid: number, _path: string, offset: number) => {
    this.said.push(`attach ${tgid} ${offset}`);
    return () => {
      this.said.push(`detach ${tgid} ${offset}`);
      return new Promise<void>((resolve) => {
        this.#open.push(resolve);
      });
    };
  };

  release(): void {
    for (const resolve of this.#open.splice(0)) resolve();
  }
}

function probe(offset: number) {
  return { program: "tokio_wake", ...PLACE, offset } as const;
}

describe("Uprobes", () => {
  it("keeps nobody waiting for those of a process that has ended", async () => {
    const kernel = new Kernel();
    const uprobes = new Uprobes(true, kernel.attach, new RetiredUprobes(NEVER_MS));
    await uprobes.attach({ type: "attach_uprobes", tgid: process.pid, probes: [probe(16)] }, MAPS);
    uprobes.detach(process.pid);
    await uprobes.attach({ type: "attach_uprobes", tgid: process.ppid, probes: [probe(16)] }, MAPS);
    assert.deepEqual(kernel.said, [`attach ${process.pid} 16`, `attach ${process.ppid} 16`]);
    assert.deepEqual(
      uprobes.list.map(({ tgid }) => tgid),
      [process.ppid],
    );
  });

  it("detaches one after the other when nothing is attached any more", async () => {
    const kernel = new Kernel();
    const uprobes = new Uprobes(true, kernel.attach, new RetiredUprobes(1));
    await uprobes.attach({ type: "attach_uprobes", tgid: process.pid, probes: [probe(16), probe(32)] }, MAPS);
    uprobes.detach(process.pid);
    await eventually(() => kernel.said.includes(`detach ${process.pid} 16`));
    assert.ok(!kernel.said.includes(`detach ${process.pid} 32`));
    kernel.release();
    await eventually(() => kernel.said.includes(`detach ${process.pid} 32`));
    kernel.release();
  });

  it("takes them off a process that goes on whatever else is attached", async () => {
    const kernel = new Kernel();
    const uprobes = new Uprobes(true, kernel.attach, new RetiredUprobes(NEVER_MS));
    await uprobes.attach({ type: "attach_uprobes", tgid: process.pid, probes: [probe(16)] }, MAPS);
    await uprobes.attach({ type: "attach_uprobes", tgid: process.pid, probes: [] }, MAPS);
    assert.equal(kernel.said.at(-1), `detach ${process.pid} 16`);
  });

  it("takes the old one off before the same place of a process gets one anew", async () => {
    const kernel = new Kernel();
    const uprobes = new Uprobes(true, kernel.attach, new RetiredUprobes(NEVER_MS));
    await uprobes.attach({ type: "attach_uprobes", tgid: process.pid, probes: [probe(16)] }, MAPS);
    await uprobes.attach({ type: "attach_uprobes", tgid: process.pid, probes: [] }, MAPS);
    const again = uprobes.attach({ type: "attach_uprobes", tgid: process.pid, probes: [probe(16)] }, MAPS);
    await eventually(() => kernel.said.length === 2);
    assert.deepEqual(kernel.said, [`attach ${process.pid} 16`, `detach ${process.pid} 16`]);
    kernel.release();
    await again;
    assert.equal(kernel.said.at(-1), `attach ${process.pid} 16`);
  });
});
