/** What a user sees of an error. */
import assert from "node:assert/strict";
import { VerifierError } from "../../../src/bpf/error.ts";
import { ExitCode, exitCodeOf, formatError } from "../../../src/service/command-line/exit-code.ts";
import { UsageError } from "../../../src/service/error.ts";

describe("an error on the terminal", () => {
  it("is its message, its code and what to do, escaped", () => {
    const error = new UsageError("there is no command \u001b[31m", "`sockspan --help` lists them.");
    assert.equal(
      formatError(error),
      "sockspan: there is no command \\x1b[31m [USAGE_INVALID]\n`sockspan --help` lists them.\n",
    );
    assert.equal(exitCodeOf(error), ExitCode.wrongUse);
  });

  it("shows the end of the verifier's log, which a report must hold", () => {
    const steps = Array.from({ length: 500 }, (_, index) => `${index}: (b7) r0 = ${index}`);
    const log = [...steps, "R1 invalid mem access 'scalar'", "processed 500 insns"].join("\n");
    const text = formatError(new VerifierError("socket_trace", log));
    assert.match(text, /^sockspan: the kernel refused a program of socket_trace: R1 invalid mem access 'scalar' \[/);
    assert.match(text, /\n {2}499: \(b7\) r0 = 499\n {2}R1 invalid mem access 'scalar'\n {2}processed 500 insns\n$/);
    assert.ok(text.split("\n").length < 70, text);
  });
});
