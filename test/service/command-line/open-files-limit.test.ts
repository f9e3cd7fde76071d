import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { ExitCode } from "../../../src/service/command-line/exit-code.ts";
import { checkOpenFilesLimit, explainOpenFiles } from "../../../src/service/command-line/open-files-limit.ts";
import { OpenFilesLimitError } from "../../../src/service/error.ts";

const limits = (soft: string, hard: string) =>
  `Limit                     Soft Limit           Hard Limit           Units\nMax open files            ${soft}   ${hard}   files\n`;

describe("limit of open files", () => {
  it("refuses to begin where too few may be open, and says how many", () => {
    assert.throws(
      () => checkOpenFilesLimit(limits("64", "64")),
      (error) => error instanceof OpenFilesLimitError && /needs 256, this process may open 64$/.test(error.message),
    );
  });

  it("goes by the hard limit, which Node takes, and minds none", () => {
    checkOpenFilesLimit(limits("64", "1048576"));
    checkOpenFilesLimit(limits("1024", "unlimited"));
  });

  it("names the limit where it was met later, and leaves other errors as they are", () => {
    const met = Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE" });
    const other = Object.assign(new Error("ENOENT"), { code: "ENOENT" });
    const explained = explainOpenFiles(met);
    assert.ok(explained instanceof OpenFilesLimitError && explained.cause === met);
    assert.equal(explainOpenFiles(other), other);
  });

  for (const words of ["run", "record -o /dev/null", "profile", "doctor", "replay none.pcap"]) {
    it(`ends \`${words}\` with its code and what to do`, () => {
      const line = `ulimit -n 24; exec "${process.execPath}" bin/sockspan ${words}`;
      const { status, stderr } = spawnSync("bash", ["-c", line], { encoding: "utf8" });
      assert.match(stderr, /^sockspan: .* \[OPEN_FILES_LIMIT\]\nRaise the limit: `ulimit -n 4096`/);
      assert.equal(status, ExitCode.failed);
    });
  }
});
