/** A Python program under test, since it makes exactly the socket calls that it says. */
import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";

/** Names every script has: a connected pair of TCP sockets by family, threads, calls that Python lacks. */
const PRELUDE = `
import socket, os, sys, json, threading, time, ctypes, mmap, struct
libc = ctypes.CDLL(None, use_errno=True)
def pair(family=socket.AF_INET, address='127.0.0.1', listen_address=None, backlog=8):
    listener = socket.socket(socket.AF_INET6 if ':' in (listen_address or address) else socket.AF_INET)
    listener.bind((listen_address or address, 0)); listener.listen(backlog)
    client = socket.socket(family); client.connect((address, listener.getsockname()[1]))
    server, _ = listener.accept()
    return client, server
def read_all(s, n):
    got = b''
    while len(got) < n:
        part = s.recv(n - len(got))
        if not part: break
        got += part
    return got
def threaded(f, *a):
    t = threading.Thread(target=f, args=a); t.start(); return t
out = {}
def pause():
    print('PAUSE', flush=True); sys.stdin.readline()
`;

export interface PythonRun {
  readonly tgid: number;
  readonly out: Readonly<Record<string, unknown>>;
}

export function runPython(script: string, prefix: readonly string[] = []): PythonRun {
  const [command = "", ...args] = [...prefix, "python3", "-c", `${PRELUDE}\n${script}\nprint(json.dumps(out))`];
  const result = spawnSync(command, args, { encoding: "utf8", timeout: 30_000 });
  if (result.status !== 0) throw new Error(`python: ${result.status}: ${result.stderr}`);
  return { tgid: result.pid, out: JSON.parse(result.stdout) as Record<string, unknown> };
}

/** Runs `first`, then here the first of `during`, told the tgid, then `second`, whose own pause() takes the next of them. */
export function runPythonAround(
  first: string,
  second: string,
  ...during: ((tgid: number) => void)[]
): Promise<PythonRun> {
  const script = `${PRELUDE}\n${first}\npause()\n${second}\nprint(json.dumps(out))`;
  const child = spawn("python3", ["-c", script], { stdio: ["pipe", "pipe", "inherit"] });
  const steps = [...during];
  return new Promise((resolve, reject) => {
    let last = "";
    createInterface({ input: child.stdout }).on("line", (line) => {
      last = line;
      if (line !== "PAUSE") return;
      steps.shift()?.(child.pid!);
      child.stdin.write("\n");
    });
    child.on("close", (code) => {
      if (code !== 0) reject(new Error(`python ended with ${code}`));
      else resolve({ tgid: child.pid!, out: JSON.parse(last) as Record<string, unknown> });
    });
  });
}
