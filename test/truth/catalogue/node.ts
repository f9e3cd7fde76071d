import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Ability, BUILD, EVERYTHING, type Program, run } from "./program.ts";

/** SOCKSPAN_TRUTH_NODE: that of another version than runs the measurement. */
function executable(): string {
  return process.env["SOCKSPAN_TRUTH_NODE"] ?? process.execPath;
}

function node(
  file: string,
  abilities: readonly Ability[],
  missing: Program["missing"] = () => undefined,
  variables: Record<string, string> = {},
): Program {
  return {
    name: file.replace(".mjs", ""),
    abilities,
    missing,
    start: (port, next, pool) =>
      run(executable(), [file], port, next, {
        POOL: String(pool),
        // A module beside the source would be a dependency of the repository.
        TRUTH_MODULES: join(BUILD, "node/node_modules"),
        ...variables,
      }),
  };
}

const everything: readonly Ability[] = [...EVERYTHING, "waits_once"];
const database: readonly Ability[] = ["sleep", "busy", "calls", "parallel", "waits_once", "after", "lingers"];
const withoutPool = everything.filter((ability) => ability !== "pool");

const asksNone = "the name of a gRPC method has no query";
const TOLD_BY_QUERY = { "slow and fast": asksNone, "long poll": asksNone, stream: asksNone };

export const NODE: readonly Program[] = [
  node("node-callback.mjs", ["pool"]),
  node("node-http.mjs", everything),
  node("node-cluster.mjs", everything),
  node("node-fetch.mjs", withoutPool),
  node("node-express.mjs", everything, needsModule("express")),
  framework("fastify", "undici", everything, needsModule("fastify")),
  framework("hono", "fetch", withoutPool, needsModule("@hono/node-server")),
  { ...node("node-h2.mjs", withoutPool), leaf: "http2" },
  { ...node("node-grpc.mjs", database, needsModule("@grpc/grpc-js")), leaf: "http2", lacks: TOLD_BY_QUERY },
  { ...node("node-redis.mjs", database, needsModule("redis")), leaf: "redis" },
  { ...node("node-pg.mjs", [...database, "pool"], needsModule("pg")), leaf: "postgres" },
];

function framework(
  server: string,
  client: string,
  abilities: readonly Ability[],
  missing: Program["missing"],
): Program {
  const program = node("node-frameworks.mjs", abilities, missing, { SERVER: server, CLIENT: client });
  return { ...program, name: `node-${server}-${client}` };
}

function needsModule(name: string): Program["missing"] {
  return () => (existsSync(join(BUILD, "node/node_modules", name)) ? undefined : `npm could not install ${name}`);
}

/** @param isHttp2 it speaks HTTP/2 without TLS */
export function startLeaf(port: number, isHttp2 = false) {
  return run(process.execPath, ["leaf.mjs"], port, "", isHttp2 ? { HTTP2: "1" } : {});
}
