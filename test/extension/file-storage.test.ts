import assert from "node:assert/strict";
import { chmodSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { FileStorage, fileStorageSettings } from "../../src/extension/file-storage.ts";
import { Scratch } from "../support/scratch.ts";

describe("file_storage", () => {
  let scratch: Scratch;
  const opened: FileStorage[] = [];
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(async () => {
    for (const storage of opened.splice(0)) await storage.shutdown();
    await scratch.cleanUp();
  });

  async function open(settings: object): Promise<FileStorage> {
    const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    const storage = await FileStorage.open(
      "file_storage",
      fileStorageSettings.parse({ timeout: "0s", ...settings }),
      self,
    );
    opened.push(storage);
    return storage;
  }

  it("makes its folder, and one in it for each queue, with the permissions that are configured", async () => {
    const directory = scratch.path("a/b");
    const storage = await open({ directory, directory_permissions: "0700" });
    const folder = storage.folderOf("otlp_grpc/../x spans");
    writeFileSync(`${folder}/file`, "written");
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    assert.equal(statSync(`${directory}/otlp_grpc_.._x_spans/file`).size, 7);
  });

  it("is one process's alone, until that lets go", async () => {
    const directory = scratch.path("shared");
    const first = await open({ directory });
    await assert.rejects(open({ directory }), { code: "STORAGE_IN_USE" });
    const waiting = open({ directory, timeout: "10s" });
    await first.shutdown();
    await waiting;
  });

  it("says what is wrong with a folder that is not there, or is none", async () => {
    await assert.rejects(open({ directory: scratch.path("none"), create_directory: false }), {
      code: "STORAGE_UNUSABLE",
    });
    const file = scratch.path("file");
    writeFileSync(file, "");
    await assert.rejects(open({ directory: `${file}/below` }), { code: "STORAGE_UNUSABLE" });
  });

  it("leaves a folder that was there as it is", async () => {
    const directory = scratch.path("mine");
    mkdirSync(directory);
    chmodSync(directory, 0o711);
    await open({ directory });
    assert.equal(statSync(directory).mode & 0o777, 0o711);
  });

  it("knows a mode when it sees one", () => {
    for (const directory_permissions of ["750", "0750", "0700"])
      assert.ok(fileStorageSettings.safeParse({ directory_permissions }).success);
    for (const directory_permissions of ["rwx", "0999", "75"])
      assert.ok(!fileStorageSettings.safeParse({ directory_permissions }).success);
  });
});
