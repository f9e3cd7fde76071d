/** Go: built when it is started first. */
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { type Ability, AMPLE_POOL, buildFolder, EVERYTHING, needs, type Program, run, SOURCES } from "./program.ts";

const DOWNLOAD_MS = 60_000;

function standardLibrary(mode: string, extra: Partial<Program> = {}): Program {
  return {
    name: `go-${mode}`,
    abilities: EVERYTHING,
    ...extra,
    missing: needs("go"),
    start(port, next, pool) {
      const binary = join(buildFolder(), "truth-go");
      execFileSync("go", ["build", "-o", binary, "."], {
        cwd: join(SOURCES, "go"),
        env: { ...process.env, GOFLAGS: "-mod=mod" },
      });
      return run(binary, [], port, next, { MODE: mode, POOL: pool >= AMPLE_POOL ? "0" : String(pool) });
    },
  };
}

/** Modules come from a proxy, where one can be reached. */
function missingModules(folder: string): string | undefined {
  const { status, stderr } = spawnSync("go", ["mod", "download"], {
    cwd: join(SOURCES, folder),
    encoding: "utf8",
    timeout: DOWNLOAD_MS,
  });
  return status === 0 ? undefined : `its modules can't be downloaded: ${stderr.trim().split("\n").at(-1) ?? ""}`;
}

function withModules(
  folder: string,
  facts: Pick<Program, "name" | "abilities"> & Partial<Program>,
  mode = "",
): Program {
  return {
    ...facts,
    missing: () => needs("go")() ?? missingModules(folder),
    start(port, next, pool) {
      const binary = join(buildFolder(), `truth-${folder}`);
      execFileSync("go", ["build", "-o", binary, "."], { cwd: join(SOURCES, folder) });
      return run(binary, [], port, next, { MODE: mode, POOL: String(pool) });
    },
  };
}

const DATABASE: readonly Ability[] = ["sleep", "busy", "calls", "parallel", "after", "lingers"];

export const GO: readonly Program[] = [
  standardLibrary("goroutine"),
  standardLibrary("pool-context"),
  standardLibrary("pool"),
  standardLibrary("timeout"),
  standardLibrary("proxy", { abilities: ["pool"] }),
  standardLibrary("h2c", { hasHop: true }),
  withModules("go-grpc", { name: "go-grpc", abilities: ["sleep", "calls", "parallel"], hasHop: true }),
  withModules("go-data", { name: "go-redis", abilities: [...DATABASE, "pool"], leaf: "redis" }),
  withModules("go-data", { name: "go-pgx", abilities: [...DATABASE, "pool"], leaf: "postgres" }),
  withModules("go-data", { name: "go-fasthttp", abilities: DATABASE }, "fasthttp"),
  // It prepares each statement.
  withModules(
    "go-frameworks",
    { name: "go-gin-sql", abilities: [...DATABASE, "pool"], leaf: "postgres", exchanges: 2 },
    "gin",
  ),
  withModules("go-frameworks", { name: "go-echo-http", abilities: [...DATABASE, "pool"] }, "echo"),
  withModules("go-frameworks", { name: "go-fiber-http", abilities: [...DATABASE, "pool"] }, "fiber"),
];
