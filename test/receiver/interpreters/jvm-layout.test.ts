import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { PROFILE_LAYOUT } from "../../../src/bpf/layout.gen.ts";
import { JvmFrames } from "../../../src/receiver/interpreters/jvm-frames.ts";
import { findJvm, type Jvm } from "../../../src/receiver/interpreters/jvm-layout.ts";
import { JvmMethods } from "../../../src/receiver/interpreters/jvm-methods.ts";
import { findImage } from "../../../src/receiver/runtimes/images.ts";
import type { ProcessView } from "../../../src/receiver/runtimes/process-view.ts";
import { localProcess } from "../../support/local-process.ts";
import { skip } from "../../support/skip.ts";

const SOURCE = "test/profile-truth/programs/Shares.java";
/** Debian's, and one that has virtual threads' ids. */
const HOMES = ["/usr/lib/jvm/java-17-openjdk-amd64", "/usr/lib/jvm/temurin-25-jdk-amd64"];
const PATIENCE_MS = 20_000;

/** As BPF does, from the map of segments; what was never used is all zeroes there. */
async function blobsOf(process: ProcessView, { engine }: Jvm): Promise<number[]> {
  const blobs: number[] = [];
  for (const { low, high, segments } of engine.heaps) {
    const map = await process.memory(segments, (high - low) >> engine.segmentShift);
    map.forEach((back, index) => {
      if (back === 0 && map[index + 1] === 1) blobs.push(low + index * 2 ** engine.segmentShift + engine.blockHeader);
    });
  }
  return blobs;
}

for (const home of HOMES) {
  describe(`HotSpot's code cache, ${home}`, function () {
    this.timeout(3 * PATIENCE_MS);
    let java: ChildProcess | undefined;
    before(function () {
      if (!existsSync(`${home}/bin/java`)) skip(this, `${home} is not there`);
      java = spawn(
        `${home}/bin/java`,
        ["-XX:CompileCommand=quiet", "-XX:CompileCommand=dontinline,Shares::*", SOURCE],
        {
          stdio: "ignore",
        },
      );
    });
    after(async () => {
      if (java === undefined) return;
      java.kill("SIGKILL");
      await once(java, "exit");
    });

    const found = async (): Promise<{ process: ProcessView; jvm: Jvm }> => {
      for (const endMs = Date.now() + PATIENCE_MS; Date.now() < endMs; await sleep(200)) {
        const process = localProcess(java!.pid!);
        const image = await findImage(process, /^libjvm\.so$/);
        const jvm = image === undefined ? undefined : await findJvm(process, image);
        if (jvm !== undefined) return { process, jvm };
      }
      throw new Error("no HotSpot was found");
    };

    it("is described by the library, and its methods have names", async () => {
      const { process, jvm } = await found();
      const { engine, layout } = jvm;
      assert.ok(engine.heaps.every(({ low, high }) => low >= engine.low && high <= engine.high));
      assert.ok(engine.interpreterLow >= engine.low && engine.interpreterHigh <= engine.high);
      const names = new Set<string>();
      for (const endMs = Date.now() + PATIENCE_MS; Date.now() < endMs && !names.has("Shares.heavy"); await sleep(200)) {
        const methods = new JvmMethods(process, layout);
        for (const blob of await blobsOf(process, jvm)) {
          const line = await methods.lineOf(blob + 1);
          if (line !== undefined) names.add(line.functionName);
        }
      }
      assert.ok(names.has("Shares.heavy"), "a method that is compiled as it is called often");
      assert.ok([...names].some((name) => /^java\.lang\.[\w.$]+$/.test(name)));
      assert.ok([...names].some((name) => name.startsWith("StubRoutines")));
    });

    it("is told to BPF once, and forgotten with the process", async () => {
      const { process } = await found();
      const written: Uint8Array[] = [];
      const frames = new JvmFrames({
        view: () => process,
        write: async (_tgid, value) => written.push(value),
        now: () => 0,
        wait: () => sleep(10),
      });
      const mappings = await process.mappings();
      await Promise.all([frames.look(process.tgid, mappings), frames.look(process.tgid, mappings)]);
      assert.deepEqual(
        written.map(({ length }) => length),
        [PROFILE_LAYOUT.java_engine.sizeBytes],
      );
      assert.ok(frames.functionsOf(process.tgid) !== undefined);
      frames.exited(process.tgid);
      assert.equal(frames.functionsOf(process.tgid), undefined);
    });
  });
}
