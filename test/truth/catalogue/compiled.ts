/** Rust, C and C++: built when they are started first. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { buildFolder, EVERYTHING, needs, type Program, run, SOURCES } from "./program.ts";

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

export const COMPILED: readonly Program[] = [epoll, loops, tokio];
