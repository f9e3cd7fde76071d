/** Each layer rule of biome.json bites on a forbidden import, and lets the allowed ones through. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const FORBIDDEN: readonly (readonly [file: string, specifier: string])[] = [
  ["src/main.ts", "./mapping/engine.ts"],
  ["src/main.ts", "./receiver/receiver.ts"],
  ["src/error.ts", "./service/log.ts"],
  ["src/broker/a.ts", "../service/worker.ts"],
  ["src/broker/a.ts", "../receiver/receiver.ts"],
  ["src/broker/a.ts", "../mapping/span.ts"],
  ["src/service/a.ts", "../broker/broker.ts"],
  ["src/service/a.ts", "../bpf/object.ts"],
  ["src/service/a.ts", "../main.ts"],
  ["src/receiver/socket-trace/a.ts", "../../service/config/config.ts"],
  ["src/receiver/a.ts", "../exporter/file.ts"],
  ["src/exporter/a.ts", "../receiver/receiver.ts"],
  ["src/exporter/a.ts", "../broker/broker.ts"],
  ["src/extension/zpages/a.ts", "../../broker/broker.ts"],
  ["src/ipc/a.ts", "../broker/broker.ts"],
  ["src/ipc/a.ts", "../service/worker.ts"],
  ["src/bpf/a.ts", "../mapping/span.ts"],
  ["src/bpf/a.ts", "../broker/broker.ts"],
  ["src/mapping/a.ts", "../bpf/object.ts"],
  ["src/mapping/a.ts", "../receiver/receiver.ts"],
  ["src/mapping/a.ts", "../ipc/message.ts"],
  ["src/mapping/a.ts", "node:fs"],
  ["src/mapping/a.ts", "node:fs/promises"],
  ["src/mapping/a.ts", "zod"],
  ["src/mapping/protocols/a.ts", "@grpc/grpc-js"],
  ["src/mapping/protocols/a.ts", "koffi"],
  ["src/broker/a.ts", "koffi"],
  ["src/receiver/a.ts", "koffi"],
  ["src/receiver/a.ts", "../storage/request-folder.ts"],
  ["src/mapping/a.ts", "../storage/request-folder.ts"],
  ["src/storage/a.ts", "../exporter/queue/queue.ts"],
  ["src/trident/a.ts", "../extension/trident/agent.ts"],
  ["src/trident/a.ts", "../bpf/map.ts"],
];

const ALLOWED: readonly (readonly [file: string, specifier: string])[] = [
  ["src/main.ts", "./broker/broker.ts"],
  ["src/main.ts", "./service/config/config.ts"],
  ["src/broker/a.ts", "../bpf/object.ts"],
  ["src/broker/a.ts", "../ipc/message.ts"],
  ["src/broker/a.ts", "../error.ts"],
  ["src/service/a.ts", "../exporter/file.ts"],
  ["src/receiver/a.ts", "../mapping/engine.ts"],
  ["src/receiver/a.ts", "../bpf/map.ts"],
  ["src/bpf/a.ts", "koffi"],
  ["src/exporter/queue/a.ts", "../../storage/request-folder.ts"],
  ["src/storage/a.ts", "../bpf/file-lock.ts"],
  ["src/trident/a.ts", "../mapping/trident/wire/frame.ts"],
  ["src/mapping/a.ts", "../bpf/layout.gen.ts"],
  ["src/mapping/protocols/a.ts", "./protocol.ts"],
];

describe("layer rules", () => {
  it("reject each forbidden import and no allowed one", function () {
    this.timeout(60_000);
    const rejected = lint([...FORBIDDEN, ...ALLOWED]);
    assert.deepEqual(
      FORBIDDEN.filter((_, index) => !rejected.has(index)),
      [],
      "forbidden imports that no rule rejects",
    );
    assert.deepEqual(
      ALLOWED.filter((_, index) => rejected.has(FORBIDDEN.length + index)),
      [],
      "allowed imports that a rule rejects",
    );
  });
});

/** Indexes of the imports that noRestrictedImports rejects, each tried in a project of its own. */
function lint(imports: typeof FORBIDDEN): Set<number> {
  const folder = mkdtempSync(join(tmpdir(), "sockspan-layers-"));
  try {
    const config = JSON.parse(readFileSync("biome.json", "utf8"));
    // Each case lies below a folder of its own, so the rules' paths start there too.
    for (const override of config.overrides) {
      override.includes = override.includes.map((glob: string) => glob.replace(/^(!?)/, "$1**/case-*/"));
    }
    writeFileSync(join(folder, "biome.json"), JSON.stringify({ linter: config.linter, overrides: config.overrides }));
    for (const [index, [file, specifier]] of imports.entries()) {
      const path = join(folder, `case-${index}`, file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, `import { a } from "${specifier}";\n\na();\n`);
    }
    const biome = resolve("node_modules/.bin/biome");
    const args = ["lint", "--reporter=json", "--max-diagnostics=none", "."];
    const { stdout } = spawnSync(biome, args, { cwd: folder, encoding: "utf8" });
    const report: { diagnostics: { category: string; location: { path: string } }[] } = JSON.parse(stdout);
    const rejected = report.diagnostics.filter(({ category }) => category === "lint/style/noRestrictedImports");
    return new Set(rejected.map(({ location }) => Number(/case-(\d+)/.exec(location.path)?.[1])));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
