import assert from "node:assert/strict";
import { chmodSync, cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BrokerProcess, isAlive, programIds, until } from "./broker-process.ts";

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));

interface Data {
  readonly tgid: number;
  readonly direction: number;
  readonly localPort: number;
  readonly remotePort: number;
  readonly text: string;
}

describe("broker and worker", function () {
  this.timeout(30_000);
  let broker: BrokerProcess | undefined;
  let before: Set<number>;
  const loaded = () => [...programIds()].filter((id) => !before.has(id));

  beforeEach(() => {
    before = programIds();
  });

  afterEach(async () => {
    broker?.child.kill("SIGKILL");
    await broker?.exited;
    broker = undefined;
  });

  async function start(settings: object = {}): Promise<BrokerProcess> {
    broker = new BrokerProcess(settings);
    await broker.event("ready");
    assert.ok(loaded().length >= 7, "the programs are in the kernel");
    return broker;
  }

  it("runs the worker as nobody, without groups and capabilities", async () => {
    const ready = (await (await start()).event("ready")) as { status: string[] };
    assert.deepEqual(ready.status, [
      "Uid:\t65534\t65534\t65534\t65534",
      "Gid:\t65534\t65534\t65534\t65534",
      "Groups:\t ",
      "CapPrm:\t0000000000000000",
      "CapEff:\t0000000000000000",
    ]);
  });

  it("sees the four calls of an exchange", async () => {
    const running = await start();
    const port = await exchange("/lifecycle-exchange");
    const isOurs = ({ localPort, remotePort }: Data) => localPort === port || remotePort === port;
    const calls = new Set<string>();
    await running.event("data", (data: Data) => {
      if (isOurs(data)) calls.add(`${data.localPort === port ? "server" : "client"} ${data.direction}`);
      return calls.size === 4;
    });
    assert.deepEqual([...calls].sort(), ["client 1", "client 2", "server 1", "server 2"]);
  });

  it("leaves out what the configuration excludes by port", async () => {
    const { server, port } = await listen();
    const running = await start({ exclude: { ports: [port] } });
    await request(port, "/excluded");
    server.close();
    const other = await exchange("/wanted");
    await running.event("data", ({ localPort, direction }: Data) => localPort === other && direction === 2);
    const texts = running.events.map(({ value }) => (value as Partial<Data> | null)?.text ?? "");
    assert.equal(texts.filter((text) => text.includes("/excluded")).length, 0);
  });

  it("detaches and frees everything on SIGTERM", async () => {
    const running = await start();
    const worker = (await running.event("worker")) as number;
    running.child.kill("SIGTERM");
    await running.exited;
    assert.deepEqual(running.events.at(-1), { name: "exit", value: { code: 0, signal: null } });
    await until(() => loaded().length === 0);
    assert.equal(isAlive(worker), false);
  });

  it("accounts for every record at the end", async () => {
    const running = await start();
    await exchange("/accounted");
    running.child.kill("SIGTERM");
    const accounts = (await running.event("accounts")) as { stage: string; entered: number; held: number }[];
    for (const { stage, held } of accounts) assert.equal(held, 0, `${stage} holds nothing`);
    assert.ok(accounts.find(({ stage }) => stage === "dispatch")!.entered > 0);
  });

  it("leaves nothing attached and no worker when the broker is killed", async () => {
    const running = await start();
    const worker = (await running.event("worker")) as number;
    running.child.kill("SIGKILL");
    await running.exited;
    await until(() => !isAlive(worker));
    await until(() => loaded().length === 0);
  });

  it("ends and frees everything when the worker is killed", async () => {
    const running = await start();
    process.kill((await running.event("worker")) as number, "SIGKILL");
    assert.deepEqual(await running.event("exit"), { code: null, signal: "SIGKILL" });
    await running.exited;
    await until(() => loaded().length === 0);
  });

  it("works from a folder that only root may enter", async () => {
    const home = mkdtempSync(join(tmpdir(), "sockspan-home-"));
    chmodSync(home, 0o700);
    try {
      cpSync(join(ROOT, "build"), join(home, "build"), { recursive: true });
      cpSync(join(ROOT, "package.json"), join(home, "package.json"));
      symlinkSync(join(ROOT, "node_modules"), join(home, "node_modules"));
      broker = new BrokerProcess({}, join(home, "build/test/kernel/lifecycle/broker-main.js"), home);
      await broker.event("ready");
      const port = await exchange("/from-a-closed-home");
      await broker.event("data", ({ localPort }: Data) => localPort === port);
    } finally {
      broker?.child.kill("SIGKILL");
      rmSync(home, { recursive: true });
    }
  });
});

async function listen() {
  const server = createServer((_, response) => response.end("hello"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

function request(port: number, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    get({ port, path, host: "127.0.0.1", agent: false }, (response) => response.resume().on("end", resolve)).on(
      "error",
      reject,
    );
  });
}

/** @returns the server's port */
async function exchange(path: string): Promise<number> {
  const { server, port } = await listen();
  await request(port, path);
  server.close();
  return port;
}
