import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileStorage } from "../../../src/extension/file-storage/file-storage.ts";
import { fileStorageSettings } from "../../../src/extension/file-storage/settings.ts";
import { StorageUnusableError } from "../../../src/storage/error.ts";
import { RecordingLog } from "../../support/recording-log.ts";
import { skip } from "../../support/skip.ts";

describe("file_storage", () => {
  let folder: string;
  let directory: string;
  let log: RecordingLog;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "file-storage-"));
    directory = join(folder, "a/b");
    log = new RecordingLog();
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const make = (settings: object = {}, owner?: { uid: number; gid: number }) =>
    new FileStorage("file_storage", { settings: fileStorageSettings.parse({ directory, ...settings }), owner, log });

  it("takes a Collector's keys", () => {
    const settings = fileStorageSettings.parse({
      directory,
      timeout: "2s",
      fsync: true,
      create_directory: false,
      directory_permissions: "0700",
      compaction: { on_start: true, directory: "/tmp", max_transaction_size: 65_536, check_interval: "5s" },
    });
    assert.deepEqual([settings.timeout, settings.fsync, settings.create_directory], [2000, true, false]);
    for (const bad of ["rwxr-x---", "0980", "99999"]) {
      assert.throws(() => fileStorageSettings.parse({ directory_permissions: bad }), /not permissions/);
    }
  });

  it("makes its directory with the permissions that are wanted", () => {
    make({ directory_permissions: "0700" });
    assert.equal(statSync(directory).mode & 0o777, 0o700);
  });

  it("refuses a directory that is not there, or is none", () => {
    assert.throws(() => make({ create_directory: false }), StorageUnusableError);
    assert.ok(!existsSync(directory));
    assert.throws(() => make({ directory: "/proc/no/folder" }), StorageUnusableError);
    writeFileSync(join(folder, "file"), "");
    assert.throws(() => make({ directory: join(folder, "file") }), StorageUnusableError);
  });

  it("gives each name a folder of its own, whatever is in it", () => {
    const storage = make();
    for (const name of ["otlp_grpc.traces", "otlp_grpc/a.traces", "otlp_grpc/../../x.traces"]) storage.store(name);
    assert.deepEqual(readdirSync(directory).sort(), [
      "otlp_grpc.traces",
      "otlp_grpc~002F..~002F..~002Fx.traces",
      "otlp_grpc~002Fa.traces",
    ]);
  });

  it("does not follow a link that somebody has put there", () => {
    mkdirSync(directory, { recursive: true });
    symlinkSync(folder, join(directory, "otlp_grpc.traces"));
    assert.throws(() => make().store("otlp_grpc.traces"), StorageUnusableError);
  });

  it("names requests that nobody sends any more", async () => {
    mkdirSync(join(directory, "gone.traces"), { recursive: true });
    mkdirSync(join(directory, "empty.traces"));
    mkdirSync(join(directory, "here.traces"));
    for (const name of ["gone", "here"])
      writeFileSync(join(directory, `${name}.traces/0000000000000001-1.request`), "");
    const storage = make();
    storage.store("here.traces");
    await storage.start();
    assert.deepEqual(
      log.records.map(({ level, fields }) => [level, fields]),
      [["warn", { folder: join(directory, "gone.traces"), requests: 1 }]],
    );
  });

  it("needs no right to change what belongs to the worker already", function () {
    if (process.getuid?.() !== 0) skip(this, "not root");
    // The capabilities of deploy/systemd/sockspan.service that have to do with files.
    const only = "-all,+chown,+dac_read_search,+setuid,+setgid";
    const code = `
      const { openFolderFor } = await import(${JSON.stringify(new URL("../../../src/storage/worker-folder.js", import.meta.url).href)});
      for (let start = 0; start < 2; start++) openFolderFor(${JSON.stringify(join(folder, "queue"))}, { uid: 65534, gid: 65534 });`;
    const command = ["--bounding-set", only, process.execPath, "--input-type=module", "-e", code];
    const { status, stderr } = spawnSync("setpriv", command, { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    assert.equal(statSync(join(folder, "queue")).uid, 65_534);
  });

  it("gives a folder and the files of its earlier owner to the next user, and nothing else", function () {
    if (process.getuid?.() !== 0) skip(this, "not root");
    make({}, { uid: 65_533, gid: 65_533 }).store("otlp_grpc.traces");
    const own = join(directory, "otlp_grpc.traces");
    writeFileSync(join(own, "theirs"), "");
    writeFileSync(join(folder, "outside"), "");
    chownSync(join(own, "theirs"), 65_533, 65_533);
    linkSync(join(folder, "outside"), join(own, "linked"));
    symlinkSync(join(folder, "outside"), join(own, "link"));
    writeFileSync(join(own, "roots"), "");
    make({}, { uid: 65_534, gid: 65_534 }).store("otlp_grpc.traces");
    const uidOf = (path: string) => statSync(path).uid;
    assert.deepEqual([uidOf(own), uidOf(join(own, "theirs"))], [65_534, 65_534]);
    assert.deepEqual([uidOf(join(folder, "outside")), uidOf(join(own, "roots")), uidOf(directory)], [0, 0, 0]);
  });
});
