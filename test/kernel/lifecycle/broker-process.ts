/** Starts broker-main.ts and reads what it says. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface BrokerEvent {
  readonly name: string;
  readonly value: unknown;
}

export class BrokerProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
  readonly events: BrokerEvent[] = [];
  #onEvent: () => void = () => {};

  constructor(settings: object = {}, main = fileURLToPath(new URL("./broker-main.js", import.meta.url)), cwd = "/") {
    this.child = spawn(process.execPath, [main, JSON.stringify(settings)], {
      cwd,
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.exited = new Promise((resolve) => {
      this.child.on("exit", () => {
        resolve();
        this.#onEvent();
      });
    });
    createInterface({ input: this.child.stdout! }).on("line", (line) => {
      this.events.push(JSON.parse(line) as BrokerEvent);
      this.#onEvent();
    });
  }

  /** The first event that fits, now or later. */
  async event(name: string, fits: (value: never) => boolean = () => true): Promise<unknown> {
    for (;;) {
      const found = this.events.find((event) => event.name === name && fits(event.value as never));
      if (found !== undefined) return found.value;
      if (this.child.exitCode !== null || this.child.signalCode !== null) throw new Error(`ended before ${name}`);
      await new Promise<void>((resolve) => {
        this.#onEvent = resolve;
      });
    }
  }
}

interface ListedProgram {
  readonly id: number;
  readonly name?: string;
}

/** Ids of all BPF programs of the kernel. */
export function programIds(): Set<number> {
  const listed = JSON.parse(execFileSync("bpftool", ["-j", "prog", "list"], { encoding: "utf8" })) as ListedProgram[];
  return new Set(listed.map(({ id }) => id));
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Waits, without a bound of its own: mocha's is the bound. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 20));
}
