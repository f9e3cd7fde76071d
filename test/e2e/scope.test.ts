import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { pairOf, pathOf } from "../support/expect-spans.ts";
import { ask } from "../support/http-client.ts";
import { Program } from "../support/program.ts";
import { Scratch } from "../support/scratch.ts";
import { startNode } from "../support/servers.ts";
import { Sockspan } from "../support/sockspan.ts";
import { SERVER } from "../support/trace-file.ts";

describe("scope", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  it("is the own pid namespace where that is not the host's, with the pids that are true there", async () => {
    const outside = await startNode(scratch);
    const holder = scratch.keep(
      await Program.start(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sleep", "infinity"], {
        stopSignal: "SIGKILL",
      }),
    );
    const inner = await firstChild(holder.pid);
    const within = ["nsenter", "--target", inner, "--pid", "--mount", "--"];
    const inside = await startNode(scratch, { within, readyOutput: /listening/, stopSignal: "SIGKILL" });
    const sockspan = await Sockspan.start(scratch, { within });
    await ask(outside.port, "/scope/outside");
    await ask(inside.port, "/scope/inside");
    const curl = ["curl", "-sS", `http://127.0.0.1:${inside.port}/scope/both`];
    const client = scratch.keep(await Program.start(curl, { within }));
    assert.equal(await client.end(), 0, client.output);
    // nsenter waits for its child and passes no signal on.
    process.kill(Number(await firstChild(sockspan.program.pid)), "SIGTERM");
    const spans = await sockspan.endAndRead();
    assert.deepEqual(
      spans.filter((span) => pathOf(span) === "/scope/outside"),
      [],
    );
    const ofInside = spans.filter((span) => pathOf(span) === "/scope/inside");
    assert.deepEqual(
      ofInside.map(({ kind }) => kind),
      [SERVER],
    );
    const [curlSpan, server] = pairOf(spans.filter((span) => pathOf(span) === "/scope/both"));
    assert.equal(curlSpan.resource.get("process.executable.name"), "curl");
    assert.equal(server.resource.get("process.pid"), await pidInNamespace(await firstChild(inside.program.pid)));
  });
});

async function firstChild(pid: number): Promise<string> {
  for (;;) {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
    const [child] = children.trim().split(" ");
    if (child !== undefined && child !== "") return child;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function pidInNamespace(pid: string): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^NSpid:.*\t(\d+)$/m.exec(status)?.[1]);
}
