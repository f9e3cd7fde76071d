/** Sampling off and on within one run, and how long the program that samples has run (bench/programs/sampling-switch.c). */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface, type Interface } from "node:readline";

/** BPF_PROG_TYPE_PERF_EVENT, as fdinfo has it. */
const SAMPLES = /^prog_type:\s*7$/m;

export interface ProgramTime {
  readonly runs: number;
  readonly runNs: number;
}

export class SamplingSwitch {
  readonly #pid: number;
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #lines: Interface;

  /** @param folder for the compiled program */
  constructor(folder: string, pid: number) {
    const program = `${folder}/sampling-switch`;
    execFileSync("gcc", ["-O2", "-o", program, "bench/programs/sampling-switch.c"]);
    this.#pid = pid;
    this.#child = spawn(program, [`${pid}`], { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#child.stdout! });
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  /** @returns how many clocks were switched */
  async turn(isOn: boolean): Promise<number> {
    this.#child.stdin!.write(isOn ? "1\n" : "0\n");
    return Number((await this.#answers.next()).value ?? 0);
  }

  /** Of the program that is called by the clocks, since it was loaded. */
  programTime(): ProgramTime {
    for (const fd of readdirSync(`/proc/${this.#pid}/fdinfo`)) {
      const text = readText(`/proc/${this.#pid}/fdinfo/${fd}`);
      if (!SAMPLES.test(text)) continue;
      const of = (key: string) => Number(new RegExp(`^${key}:\\s*(\\d+)$`, "m").exec(text)?.[1] ?? 0);
      return { runs: of("run_cnt"), runNs: of("run_time_ns") };
    }
    return { runs: 0, runNs: 0 };
  }

  stop(): void {
    this.#lines.close();
    this.#child.stdin!.end();
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
