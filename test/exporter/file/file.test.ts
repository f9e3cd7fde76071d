import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ExporterFileError } from "../../../src/exporter/error.ts";
import type { TraceExporter } from "../../../src/exporter/exporter.ts";
import { createFileExporter } from "../../../src/exporter/file/file.ts";
import { fileSettings } from "../../../src/exporter/file/settings.ts";
import { eventually } from "../../support/eventually.ts";
import { makeExporterDeps, type TestDeps } from "../../support/exporter-deps.ts";
import { type OtlpTraceRequest, spansOf } from "../../support/otlp-messages.ts";
import { makeSpan, makeSpans } from "../../support/spans.ts";

describe("file exporter", () => {
  let folder: string;
  let path: string;
  let exporter: TraceExporter | undefined;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "file-exporter-"));
    path = join(folder, "traces.json");
  });

  afterEach(async () => {
    await exporter?.shutdown(1_000);
    rmSync(folder, { recursive: true });
  });

  async function start(settings: object = {}, deps: TestDeps = makeExporterDeps()): Promise<TraceExporter> {
    exporter = createFileExporter("file", fileSettings.parse({ path, flush_interval: "5ms", ...settings }), deps);
    await exporter.start();
    return exporter;
  }

  const lines = (file = path) =>
    readFileSync(file, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as OtlpTraceRequest);

  it("writes one request per line", async () => {
    const { account } = await start();
    exporter?.consume(makeSpans(3));
    exporter?.consume(makeSpans(2));
    assert.deepEqual([account.out, account.held], [0, 5]);
    await eventually(() => account.out === 5);
    assert.deepEqual(
      lines().map((line) => spansOf(line).length),
      [3, 2],
    );
  });

  it("empties the file at the start, or appends", async () => {
    writeFileSync(path, '{"resourceSpans":[]}\n');
    await start({ append: true });
    exporter?.consume(makeSpans(1));
    await exporter?.shutdown(1_000);
    assert.equal(lines().length, 2);
    await start();
    exporter?.consume(makeSpans(1));
    await exporter?.shutdown(1_000);
    assert.equal(lines().length, 1);
  });

  it("writes what is pending when it is shut down, and takes nothing afterwards", async () => {
    const { account } = await start({ flush_interval: "1h" });
    exporter?.consume(makeSpans(3));
    await exporter?.shutdown(1_000);
    assert.equal(lines().length, 1);
    exporter?.consume(makeSpans(2));
    assert.deepEqual([account.out, account.held, account.lost], [3, 0, new Map([["shutdown", 2]])]);
  });

  it("rotates by size, and keeps the newest backups", async () => {
    const { account } = await start({ rotation: { max_megabytes: 1, max_backups: 2 } });
    for (let i = 1; i <= 5; i++) {
      exporter?.consume([makeSpan({ name: "n".repeat(700_000), spanId: i.toString(16).padStart(16, "0") })]);
      await eventually(() => account.out === i);
      // Backups are named by the millisecond.
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    const files = readdirSync(folder).sort();
    assert.equal(files.length, 3);
    for (const name of files.slice(0, 2)) assert.match(name, /^traces-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}\.json$/);
    const kept = files.flatMap((name) =>
      lines(join(folder, name))
        .flatMap(spansOf)
        .map((span) => Number(span.spanId)),
    );
    assert.deepEqual(kept, [3, 4, 5]);
  });

  it("goes on with the open file when it can't be rotated", async () => {
    const deps = makeExporterDeps();
    const rename = () => Promise.reject(new Error("EACCES"));
    const { account } = await start({ rotation: { max_megabytes: 1 } }, { ...deps, files: { ...deps.files, rename } });
    for (let i = 1; i <= 3; i++) {
      exporter?.consume([makeSpan({ name: "n".repeat(700_000) })]);
      await eventually(() => account.out === i);
    }
    assert.equal(lines().length, 3);
    assert.equal(deps.log.records.filter(({ message }) => message.includes("rotated")).length, 1);
  });

  it("takes a descriptor that another process has opened", async () => {
    const deps = makeExporterDeps();
    const fd = openSync(path, "w");
    const open = () => Promise.resolve(fd);
    const { account } = await start({ path: "/nowhere/traces.json" }, { ...deps, files: { ...deps.files, open } });
    exporter?.consume(makeSpans(1));
    await eventually(() => account.out === 1);
    assert.equal(lines().length, 1);
  });

  it("counts what a full disk does not take", async () => {
    const deps = makeExporterDeps();
    const exporter = await start({ path: "/dev/full" }, deps);
    exporter.consume(makeSpans(4));
    await eventually(() => exporter.account.held === 0);
    assert.deepEqual(exporter.account.lost, new Map([["write_failed", 4]]));
    assert.match(String(deps.log.records[0]?.fields["detail"]), /ENOSPC/);
  });

  it("takes back the line that a full disk has cut, and goes on behind the last whole one", () => {
    const modules = ["local-files", "file/line-writer"].map((name) =>
      import.meta.resolve(`../../../src/exporter/${name}.js`),
    );
    const script = `
      const [{ localFiles }, { LineWriter }] = await Promise.all(${JSON.stringify(modules)}.map((each) => import(each)));
      process.on("SIGXFSZ", () => {});
      const writer = new LineWriter(await localFiles.open(${JSON.stringify(path)}, false));
      await writer.start();
      for (const [letter, length] of [["a", 15_000], ["b", 15_000], ["c", 10]]) {
        await writer.write(Buffer.from(letter.repeat(length) + "\\n")).catch(({ code }) => console.log(letter, code));
      }`;
    const node = [process.execPath, "--input-type=module", "--eval", script];
    assert.equal(execFileSync("prlimit", ["--fsize=20000", ...node], { encoding: "utf8" }), "b EFBIG\n");
    assert.equal(readFileSync(path, "utf8"), `${"a".repeat(15_000)}\n${"c".repeat(10)}\n`);
  });

  it("writes to the beginning of a file that another has emptied", async () => {
    const { account } = await start();
    exporter?.consume(makeSpans(3));
    await eventually(() => account.out === 3);
    truncateSync(path);
    exporter?.consume(makeSpans(2));
    await eventually(() => account.out === 5);
    assert.deepEqual(
      lines().map((line) => spansOf(line).length),
      [2],
    );
  });

  it("says at the start that a path can't be written", async () => {
    await assert.rejects(start({ path: join(folder, "missing", "traces.json") }), (error) => {
      assert.ok(error instanceof ExporterFileError);
      assert.equal(error.code, "EXPORTER_FILE_UNUSABLE");
      assert.match(error.message, /path: .*missing\/traces\.json: .*ENOENT/);
      return true;
    });
  });

  it("refuses append together with rotation", () => {
    assert.equal(fileSettings.safeParse({ path, append: true, rotation: {} }).success, false);
  });
});
