import assert from "node:assert/strict";
import { readElf } from "../../../src/receiver/elf/elf-file.ts";
import { ByBuildId } from "../../../src/receiver/runtimes/by-build-id.ts";
import type { Image } from "../../../src/receiver/runtimes/images.ts";
import { localProcess } from "../../support/local-process.ts";

/** Our own executable, as of a process that may end. */
async function imageOf(process: { isGone: boolean }): Promise<Image> {
  const file = await localProcess(globalThis.process.pid).file(globalThis.process.execPath);
  const read = (offset: number, lengthBytes: number) =>
    process.isGone ? Promise.resolve(new Uint8Array()) : file!.read(offset, lengthBytes);
  const elf = await readElf({ read });
  return { path: globalThis.process.execPath, elf: elf!, loadBias: 0 };
}

describe("what is found out of a file once for all processes", () => {
  it("is not what was found while the process ended", async () => {
    const first = { isGone: false };
    const found = new ByBuildId(async ({ elf: { source } }) => {
      const isFirst = reads++ === 0;
      if (isFirst) first.isGone = true;
      return (await source.read(0, 4)).length;
    });
    let reads = 0;
    assert.equal(await found.of(await imageOf(first)), 0);
    const second = await imageOf({ isGone: false });
    assert.equal(await found.of(second), 4);
    assert.equal(await found.of(second), 4);
    assert.equal(reads, 2);
  });

  it("is not that it could not be found", async () => {
    let reads = 0;
    const found = new ByBuildId(() => (reads++ === 0 ? Promise.reject(new Error("no answer")) : Promise.resolve(1)));
    await assert.rejects(found.of(await imageOf({ isGone: false })), /no answer/);
    assert.equal(await found.of(await imageOf({ isGone: false })), 1);
  });
});
