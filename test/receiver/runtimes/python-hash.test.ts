import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { PythonHash } from "../../../src/receiver/runtimes/python-hash.ts";
import { skip } from "../../support/skip.ts";

/** The secret as PYTHONHASHSEED makes it, and what the interpreter says of each text. */
const PROGRAM = `
import ctypes, sys
print(bytes((ctypes.c_char * 16).in_dll(ctypes.pythonapi, "_Py_HashSecret")).hex())
for text in sys.argv[1:]: print(hash(text) % 2**64)
`;
const TEXTS = ["a", "socketserver", "threading", "12345678", "anyio._backends._asyncio", "concurrent.futures.thread"];

function pythonWithSipHash13(): boolean {
  const { stdout } = spawnSync("python3", ["-c", "import sys; print(sys.hash_info.algorithm)"], { encoding: "utf8" });
  return stdout?.trim() === "siphash13";
}

describe("PythonHash", function () {
  this.timeout(20_000);

  for (const seed of ["0", "42"]) {
    it(`hashes texts as CPython does with seed ${seed}`, function () {
      if (!pythonWithSipHash13()) skip(this, "no Python whose strings are hashed by SipHash-1-3");
      const env = { ...process.env, PYTHONHASHSEED: seed };
      const { stdout } = spawnSync("python3", ["-c", PROGRAM, ...TEXTS], { env, encoding: "utf8" });
      const [secret = "", ...expected] = stdout.trim().split("\n");
      const hash = PythonHash.from(Buffer.from(secret, "hex"));
      assert.deepEqual(
        TEXTS.map((text) => String(hash?.of(text))),
        expected,
      );
    });
  }

  it("needs the whole secret", () => {
    assert.equal(PythonHash.from(new Uint8Array(15)), undefined);
  });
});
