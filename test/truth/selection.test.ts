import assert from "node:assert/strict";
import { CATALOGUE } from "./catalogue/catalogue.ts";
import { allRows, callSuffixes, canRun, type Row } from "./rows.ts";
import { parseSelection, wantsProgram, wantsRow } from "./selection.ts";

const named = (...args: string[]): Row[] => allRows().filter((row) => wantsRow(parseSelection(args), row));
const program = (name: string) => CATALOGUE.find((candidate) => candidate.name === name)!;

describe("what a truth run measures", () => {
  it("by default the most telling rows: few, the chain at 64 in flight with every work among them", () => {
    const rows = named();
    assert.ok(rows.length < 30, `${rows.length} rows`);
    const chains = rows.filter((row) => row.shape === "chain" && row.inFlight === 64);
    assert.deepEqual(chains.map((row) => row.work).sort(), ["cpu", "file", "none", "sleep"]);
    assert.ok(rows.some((row) => row.shape === "first 5"));
    assert.ok(rows.some((row) => row.start === "attach"));
  });

  it("with --all every row, at each number in flight", () => {
    const rows = named("--all");
    assert.equal(rows.length, allRows().length);
    for (const inFlight of [1, 16, 64]) assert.ok(rows.some((row) => row.inFlight === inFlight));
  });

  it("with a filter all that passes it, default or not", () => {
    const rows = named("--shape", "goes on 20 s,chain", "--in-flight", "16");
    assert.deepEqual([...new Set(rows.map((row) => row.shape))].sort(), ["chain", "goes on 20 s"]);
    assert.ok(rows.every((row) => row.inFlight === 16));
    assert.ok(rows.some((row) => !row.isDefault));
  });

  it("programs by name or by its beginning", () => {
    const selection = parseSelection(["--program", "nginx,go-*"]);
    const chosen = CATALOGUE.filter(({ name }) => wantsProgram(selection, name)).map(({ name }) => name);
    const go = chosen.slice(1);
    assert.equal(chosen[0], "nginx");
    assert.ok(go.includes("go-grpc") && go.includes("go-fasthttp"));
    assert.deepEqual(
      go.filter((name) => !name.startsWith("go-")),
      [],
    );
  });

  it("asks no program for what it can't do", () => {
    const rows = allRows().filter((row) => canRun(program("nginx"), row));
    assert.ok(rows.length > 5);
    assert.ok(rows.every((row) => row.calls === 1 && row.work === "none"));
  });

  it("asks no program for a shape that it lacks", () => {
    const shapes = allRows()
      .filter((row) => canRun(program("gunicorn-sync"), row))
      .map(({ shape }) => shape);
    assert.ok(shapes.includes("chain") && !shapes.includes("pipelining"));
  });

  it("knows what is called for a request, with a hop of the program's own in between", () => {
    const row = allRows().find(({ shape }) => shape === "sequence")!;
    assert.deepEqual(callSuffixes(program("node-http"), row), [".1", ".2", ".3"]);
    assert.deepEqual(callSuffixes(program("php-fpm"), row), [".1", ".1.1", ".1.2", ".1.3"]);
  });

  it("has every program once", () => {
    const names = CATALOGUE.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
  });
});
