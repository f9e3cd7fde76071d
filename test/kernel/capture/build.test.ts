import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { skip } from "../../support/skip.ts";

const OBJECT = "build/bpf/socket_trace.bpf.o";

describe("the committed objects", () => {
  it("are what the sources build to, byte for byte", function () {
    this.timeout(60_000);
    const version = /version (\d+)/.exec(
      execFileSync("sh", ["-c", "clang-14 --version || true"], { encoding: "utf8" }),
    );
    if (version === null) skip(this, "clang 14 is missing");
    const folder = mkdtempSync(join(tmpdir(), "sockspan-bpf-"));
    try {
      execFileSync("scripts/build-bpf", ["--into", folder]);
      assert.ok(readFileSync(join(folder, "socket_trace.bpf.o")).equals(readFileSync(OBJECT)));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
