import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StorageInUseError } from "../../src/storage/error.ts";
import { RequestFolder } from "../../src/storage/request-folder.ts";
import { openFolderFor } from "../../src/storage/worker-folder.ts";
import { RecordingLog } from "../support/recording-log.ts";

describe("a folder of requests", () => {
  let folder: string;
  let log: RecordingLog;
  const open: RequestFolder[] = [];

  beforeEach(() => {
    folder = join(mkdtempSync(join(tmpdir(), "request-folder-")), "queue");
    log = new RecordingLog();
  });

  afterEach(async () => {
    for (const each of open.splice(0)) await each.close();
    rmSync(join(folder, ".."), { recursive: true });
  });

  function make(fsync = false): RequestFolder {
    const made = new RequestFolder({
      folder: openFolderFor(folder, undefined),
      name: folder,
      lockTimeoutMs: 60,
      fsync,
      log,
    });
    open.push(made);
    return made;
  }

  async function reopen(): Promise<RequestFolder> {
    for (const each of open.splice(0)) await each.close();
    return make();
  }

  /** As an earlier process has left them. */
  async function fill(...bodies: string[]): Promise<string[]> {
    const store = make();
    await store.open();
    for (const [index, body] of bodies.entries()) await store.put(Buffer.from(body), index + 1);
    return readdirSync(folder).sort();
  }

  for (const fsync of [false, true]) {
    it(`gives back what was put, until it is removed${fsync ? ", with fsync" : ""}`, async () => {
      const store = make(fsync);
      assert.deepEqual(await store.open(), { requests: [], damaged: [] });
      const { key, ...request } = await store.put(Buffer.from("hello"), 3);
      assert.deepEqual(request, { itemCount: 3, sizeBytes: 5 });
      assert.equal(Buffer.from(await store.read(key)).toString(), "hello");
      await store.remove(key);
      assert.deepEqual(readdirSync(folder), []);
      await assert.rejects(store.read(key), /ENOENT/);
    });
  }

  it("is for its owner alone", async () => {
    const [name = ""] = await fill("secret");
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
  });

  it("knows what was left, in its order, and goes on behind it", async () => {
    await fill(..."abcdefghijkl");
    const store = await reopen();
    const { requests } = await store.open();
    assert.deepEqual(
      requests.map(({ itemCount, sizeBytes }) => [itemCount, sizeBytes]),
      Array.from({ length: 12 }, (_, index) => [index + 1, 1]),
    );
    const bodies = await Promise.all(requests.map(({ key }) => store.read(key)));
    assert.equal(bodies.map((body) => Buffer.from(body).toString()).join(""), "abcdefghijkl");
    const added = await store.put(Buffer.from("m"), 1);
    assert.ok(requests.every(({ key }) => key < added.key));
  });

  it("belongs to one process at a time", async () => {
    const first = make();
    await first.open();
    await assert.rejects(make().open(), StorageInUseError);
    const third = await reopen();
    await third.open();
  });

  const damages: readonly (readonly [what: string, damage: (bytes: Buffer) => Buffer, reason: RegExp])[] = [
    ["nothing", () => Buffer.alloc(0), /0 bytes, less than a head/],
    ["half of its head", (bytes) => bytes.subarray(0, 10), /10 bytes, less than a head/],
    ["half of its body", (bytes) => bytes.subarray(0, bytes.length - 2), /28 bytes of 30/],
    ["more than it had", (bytes) => Buffer.concat([bytes, bytes]), /60 bytes of 30/],
    ["other bytes", (bytes) => Buffer.alloc(bytes.length, 7), /does not begin/],
    ["another length", (bytes) => Buffer.concat([bytes.subarray(0, 12), Buffer.alloc(18)]), /head is damaged/],
  ];
  for (const [what, damage, reason] of damages) {
    it(`names and counts a request that has ${what}, and keeps the others`, async () => {
      const [first = "", second = ""] = await fill("intact", "broken");
      writeFileSync(join(folder, second), damage(readFileSync(join(folder, second))));
      const { requests, damaged } = await (await reopen()).open();
      assert.equal(requests.length, 1);
      assert.deepEqual(
        damaged.map(({ name, itemCount }) => [name, itemCount]),
        [[join(folder, second), 2]],
      );
      assert.match(damaged[0]?.reason ?? "", reason);
      assert.deepEqual(readdirSync(folder), [first]);
    });
  }

  it("finds a body that has changed when it is read", async () => {
    const [name = ""] = await fill("body");
    const bytes = readFileSync(join(folder, name));
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(join(folder, name), bytes);
    const store = await reopen();
    const { requests } = await store.open();
    await assert.rejects(store.read(requests[0]?.key ?? ""), /not those that were written/);
  });

  it("does not take a request for another one", async () => {
    const [name = ""] = await fill("body");
    renameSync(join(folder, name), join(folder, "0000000000000001-7.request"));
    const { damaged } = await (await reopen()).open();
    assert.deepEqual(
      damaged.map(({ itemCount, reason }) => [itemCount, reason]),
      [[7, "its head and its name differ"]],
    );
  });

  it("takes what was written and not yet named, and no half of it", async () => {
    const [whole = "", half = ""] = await fill("whole", "half");
    renameSync(join(folder, whole), join(folder, whole.replace("request", "part")));
    const bytes = readFileSync(join(folder, half));
    rmSync(join(folder, half));
    writeFileSync(join(folder, half.replace("request", "part")), bytes.subarray(0, 25));
    const store = await reopen();
    const { requests, damaged } = await store.open();
    assert.deepEqual([requests.length, damaged.length, damaged[0]?.itemCount], [1, 1, 2]);
    assert.equal(Buffer.from(await store.read(requests[0]?.key ?? "")).toString(), "whole");
    assert.deepEqual(readdirSync(folder), [whole]);
  });

  it("leaves alone what is no request, and says so", async () => {
    await fill("a");
    writeFileSync(join(folder, "README"), "not ours");
    const { requests } = await (await reopen()).open();
    assert.equal(requests.length, 1);
    assert.match(JSON.stringify(log.records), /README/);
    assert.ok(readdirSync(folder).includes("README"));
  });

  it("leaves nothing behind of what could not be written", async () => {
    const store = make();
    await store.open();
    const taken = join(folder, "0000000000000001-4.request");
    mkdirSync(join(taken, "in"), { recursive: true });
    await assert.rejects(store.put(Buffer.from("a"), 4));
    assert.deepEqual(readdirSync(folder), ["0000000000000001-4.request"]);
    await store.put(Buffer.from("b"), 4);
  });
});
