import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Ability, BUILD, EVERYTHING, type Program, run } from "./program.ts";

function node(file: string, abilities: readonly Ability[], missing: Program["missing"] = () => undefined): Program {
  return {
    name: file.replace(".mjs", ""),
    abilities,
    missing,
    start: (port, next, pool) =>
      run(process.execPath, [file], port, next, {
        POOL: String(pool),
        // A module beside the source would be a dependency of the repository.
        TRUTH_MODULES: join(BUILD, "node/node_modules"),
      }),
  };
}

const everything: readonly Ability[] = [...EVERYTHING, "waits_once"];
const database: readonly Ability[] = ["sleep", "busy", "calls", "parallel", "waits_once", "after", "lingers"];
const withoutPool = everything.filter((ability) => ability !== "pool");

export const NODE: readonly Program[] = [
  node("node-callback.mjs", ["pool"]),
  node("node-http.mjs", everything),
  node("node-cluster.mjs", everything),
  node("node-fetch.mjs", withoutPool),
  node("node-express.mjs", everything, needsModule("express")),
  { ...node("node-redis.mjs", database, needsModule("redis")), leaf: "redis" },
  { ...node("node-pg.mjs", [...database, "pool"], needsModule("pg")), leaf: "postgres" },
];

function needsModule(name: string): Program["missing"] {
  return () => (existsSync(join(BUILD, "node/node_modules", name)) ? undefined : `npm could not install ${name}`);
}

export function startLeaf(port: number) {
  return run(process.execPath, ["leaf.mjs"], port, "");
}
