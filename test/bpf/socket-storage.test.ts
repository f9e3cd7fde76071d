import assert from "node:assert/strict";
import { hasSocketStorage } from "../../src/bpf/socket-storage.ts";

const cpuInfo = (flags: string): string => `processor\t: 0\nflags\t\t: ${flags}\nbugs\t\t:\n`;

describe("hasSocketStorage", () => {
  it("is so on every processor before Linux 6.18", () => {
    assert.equal(hasSocketStorage(cpuInfo("fpu sse2"), true), true);
  });

  it("needs cmpxchg16b from then on", () => {
    assert.equal(hasSocketStorage(cpuInfo("fpu cx16 sse2"), false), true);
    assert.equal(hasSocketStorage(cpuInfo("fpu cx8 sse2"), false), false);
  });

  it("is believed where the processor tells no flags", () => {
    assert.equal(hasSocketStorage("processor\t: 0\n", false), true);
  });
});
