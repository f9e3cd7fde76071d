/**
 * MongoDB, or what speaks like it: the program that SOCKSPAN_MONGODB names (mongod, or FerretDB 1.x built by Go), else
 * mongod where it is installed. Debian has neither.
 */
import { spawnSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { basename } from "node:path";
import { freePort } from "./free-port.ts";
import { Program } from "./program.ts";
import type { Scratch } from "./scratch.ts";
import type { Server } from "./servers.ts";

/** The program, or why there is none. */
export function mongodbProgram(): { readonly program: string } | { readonly missing: string } {
  if (spawnSync("/usr/bin/python3", ["-c", "import pymongo"]).status !== 0) {
    return { missing: "python3-pymongo is missing: scripts/setup --tests as root installs it" };
  }
  const given = process.env["SOCKSPAN_MONGODB"];
  if (given !== undefined) return { program: given };
  return spawnSync("mongod", ["--version"]).status === 0
    ? { program: "mongod" }
    : { missing: "neither SOCKSPAN_MONGODB (a mongod or ferretdb program) nor mongod is there" };
}

export async function startMongodb(scratch: Scratch, program: string): Promise<Server> {
  const port = await freePort();
  const folder = scratch.path("mongodb");
  await mkdir(folder);
  const isFerret = /ferret/i.test(basename(program));
  const command = isFerret
    ? [
        ...[program, "--handler=sqlite", `--sqlite-url=file:${folder}/`, `--state-dir=${folder}`],
        ...[`--listen-addr=127.0.0.1:${port}`, "--debug-addr=-", "--telemetry=disable"],
      ]
    : [program, "--dbpath", folder, "--bind_ip", "127.0.0.1", "--port", `${port}`, "--nounixsocket"];
  return { port, program: scratch.keep(await Program.start(command, { readyPort: port })) };
}
