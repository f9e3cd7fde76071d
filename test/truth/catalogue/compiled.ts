/** Go, Rust, C: built when they are started first. */
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { AMPLE_POOL, buildFolder, EVERYTHING, needs, type Program, run, SOURCES } from "./program.ts";

const DOWNLOAD_MS = 60_000;

function go(mode: string, extra: Partial<Program> = {}): Program {
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

const goGrpc: Program = {
  name: "go-grpc",
  abilities: ["sleep", "calls", "parallel"],
  hasHop: true,
  missing: () => needs("go")() ?? missingModules("go-grpc"),
  start(port, next) {
    const binary = join(buildFolder(), "truth-go-grpc");
    execFileSync("go", ["build", "-o", binary, "."], { cwd: join(SOURCES, "go-grpc") });
    return run(binary, [], port, next);
  },
};

const tokio: Program = {
  name: "tokio-axum-reqwest",
  abilities: EVERYTHING.filter((ability) => ability !== "pool"),
  missing: needs("cargo"),
  start(port, next) {
    const target = join(buildFolder(), "rust");
    execFileSync("cargo", ["build", "--release", "--quiet", "--target-dir", target], { cwd: join(SOURCES, "rust") });
    return run(join(target, "release/truth"), [], port, next);
  },
};

const epoll: Program = {
  name: "c-epoll",
  abilities: ["sleep"],
  lacks: {
    stream: "it takes what one read brings for the whole answer",
    pipelining: "it takes what one read brings for one request",
  },
  missing: needs("cc"),
  start(port, next) {
    const binary = join(buildFolder(), "epoll");
    execFileSync("cc", ["-O2", "-o", binary, "epoll.c"], { cwd: SOURCES });
    return run(binary, [], port, next);
  },
};

const loops: Program = {
  name: "cpp-loops",
  abilities: ["sleep", "calls", "parallel"],
  missing: needs("c++"),
  start(port, next) {
    const binary = join(buildFolder(), "loops");
    execFileSync("c++", ["-O2", "-std=c++17", "-pthread", "-o", binary, "loops.cpp"], { cwd: SOURCES });
    return run(binary, [], port, next);
  },
};

export const COMPILED: readonly Program[] = [
  epoll,
  loops,
  go("goroutine"),
  go("pool-context"),
  go("pool"),
  go("timeout"),
  go("proxy", { abilities: ["pool"] }),
  go("h2c", { hasHop: true }),
  goGrpc,
  tokio,
];
