import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { ProcFactsReader, parseCgroup, parseEnvironment, parseStat } from "../../../src/broker/reader/proc-facts.ts";

describe("/proc", () => {
  it("reads a command that looks like the end of the field", () => {
    const fields = Array.from({ length: 49 }, (_, i) => String(i + 4)).join(" ");
    assert.deepEqual(parseStat(`12 (a) S (b) ) S ${fields}\n`), {
      comm: "a) S (b) ",
      parentTgid: 4,
      startTimeTicks: 22,
    });
  });

  it("reads nothing from an empty or cut stat", () => {
    for (const text of ["", "12", "12 (x", "12 (x) S 1"]) assert.equal(parseStat(text), undefined);
  });

  it("prefers the unified hierarchy, then systemd's", () => {
    assert.equal(parseCgroup("0::/system.slice/a.service\n"), "/system.slice/a.service");
    assert.equal(parseCgroup("9:pids:/x\n1:name=systemd:/docker/abc\n0::/\n"), "/docker/abc");
    assert.equal(parseCgroup(""), undefined);
  });

  it("takes two variables of an environment and no other", () => {
    const bytes = Buffer.from("SECRET=1\0OTEL_SERVICE_NAME=a=b\0OTEL_SERVICE_NAMES=x\0OTEL_RESOURCE_ATTRIBUTES=k=v\0");
    assert.deepEqual(parseEnvironment(bytes), { OTEL_SERVICE_NAME: "a=b", OTEL_RESOURCE_ATTRIBUTES: "k=v" });
  });

  it("reads a live process and says when one is gone", async () => {
    const child = spawn(process.execPath, ["-e", "process.stdin.resume(); console.log(1)", "an argument"], {
      env: { OTEL_SERVICE_NAME: "named", SECRET: "1" },
      stdio: ["pipe", "pipe", "ignore"],
    });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const reader = new ProcFactsReader();
    const facts = reader.read(child.pid!);
    assert.equal(facts?.executablePath, process.execPath);
    assert.deepEqual(facts?.commandLine.slice(-1), ["an argument"]);
    assert.deepEqual(facts?.environment, { OTEL_SERVICE_NAME: "named" });
    assert.equal(facts?.parentTgid, process.pid);
    assert.equal(facts?.goVersion, undefined);
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await exited;
    assert.equal(reader.read(child.pid!), undefined);
  });
});
