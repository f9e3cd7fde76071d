/** Real servers that are not nginx, each on a free port. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { freePort } from "./free-port.ts";
import { Program, type ProgramOptions } from "./program.ts";
import type { Scratch } from "./scratch.ts";

export interface Server {
  readonly port: number;
  readonly program: Program;
}

const PROGRAMS = "test/e2e/programs";
const NODE_SERVER = fileURLToPath(new URL("../e2e/programs/node-server.js", import.meta.url));

export async function startNode(scratch: Scratch, options: ProgramOptions = {}): Promise<Server> {
  return await serve(scratch, (port) => [process.execPath, NODE_SERVER, String(port)], options);
}

/** The gRPC pair of test/e2e/programs, and the compiled client's path. */
export async function startGrpc(scratch: Scratch): Promise<Server & { readonly client: string }> {
  const compiled = (name: string): string => fileURLToPath(new URL(`../e2e/programs/${name}.js`, import.meta.url));
  const server = await serve(scratch, (port) => [process.execPath, compiled("grpc-server"), String(port)]);
  return { ...server, client: compiled("grpc-client") };
}

/** Debian's own interpreter: it is the one that has Debian's requests. */
export async function startPython(scratch: Scratch): Promise<Server> {
  return await serve(scratch, (port) => ["/usr/bin/python3", `${PROGRAMS}/server.py`, String(port)]);
}

export async function startGo(scratch: Scratch, folder = "go-server"): Promise<Server> {
  const binary = scratch.path(folder);
  const built = spawnSync("go", ["build", "-o", binary, "."], {
    cwd: `${PROGRAMS}/${folder}`,
    encoding: "utf8",
    env: { ...process.env, GOPROXY: "off", GOFLAGS: "-mod=mod", GOTOOLCHAIN: "local", GOWORK: "off", CGO_ENABLED: "0" },
  });
  if (built.status !== 0) throw new Error(`go build: ${built.stderr}`);
  return await serve(scratch, (port) => [binary, String(port)]);
}

/** @param minor of Go 1, at least */
export function hasGo(minor = 0): boolean {
  const { status, stdout } = spawnSync("go", ["version"], { encoding: "utf8" });
  return status === 0 && Number(/go1\.(\d+)/.exec(stdout)?.[1] ?? 0) >= minor;
}

/** Runs the client of test/e2e/programs/client.py to its end. */
export async function runPythonClient(scratch: Scratch, baseUrl: string, count: number, size: number): Promise<number> {
  const command = ["/usr/bin/python3", `${PROGRAMS}/client.py`, baseUrl, String(count), String(size)];
  const program = scratch.keep(await Program.start(command));
  const code = await program.end();
  if (code !== 0) throw new Error(`client.py ended with ${code}: ${program.output}`);
  return program.pid;
}

async function serve(
  scratch: Scratch,
  command: (port: number) => readonly string[],
  options: ProgramOptions = {},
): Promise<Server> {
  const port = await freePort();
  const program = scratch.keep(await Program.start(command(port), { readyPort: port, ...options }));
  return { port, program };
}
