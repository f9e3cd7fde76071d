/** A real program that runs beside a test and ends with it, whatever happens to the test. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** It is ready when something listens here... */
  readonly readyPort?: number;
  /** ...or when its output matches. */
  readonly readyOutput?: RegExp;
  /** Run by this command: `["ip", "netns", "exec", "a"]`. */
  readonly within?: readonly string[];
  readonly stopSignal?: NodeJS.Signals;
}

const READY_MS = 30_000;
const STOP_MS = 10_000;

export class Program {
  readonly #child: ChildProcess;
  readonly #output: string[] = [];
  readonly #stopSignal: NodeJS.Signals;
  readonly #command: string;
  #isClosed = false;

  private constructor(command: readonly string[], options: ProgramOptions) {
    this.#command = command.join(" ");
    this.#stopSignal = options.stopSignal ?? "SIGTERM";
    // setpriv: the kernel kills the program when the test process dies, also when that is killed itself.
    const line = ["setpriv", "--pdeathsig", "KILL", "--", ...(options.within ?? []), ...command];
    this.#child = spawn(line[0] ?? "", line.slice(1), {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
    });
    this.#child.once("close", () => {
      this.#isClosed = true;
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk) => this.#output.push(String(chunk)));
    }
  }

  /** Resolves when the program is ready; without a sign to wait for, at once. */
  static async start(command: readonly string[], options: ProgramOptions = {}): Promise<Program> {
    const program = new Program(command, options);
    const deadline = Date.now() + READY_MS;
    while (!(await program.#isReady(options))) {
      if (program.hasEnded || Date.now() > deadline) {
        await program.stop();
        throw new Error(`${program.#command} did not become ready:\n${program.output}`);
      }
      await sleep(20);
    }
    return program;
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** stdout and stderr so far. */
  get output(): string {
    return this.#output.join("");
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The exit code, or the signal that ended it. */
  async end(): Promise<number | string> {
    if (!this.#isClosed) await once(this.#child, "close");
    return this.#child.exitCode ?? this.#child.signalCode ?? -1;
  }

  async stop(): Promise<void> {
    if (this.hasEnded) return;
    // Not "close": a child of the program may hold its output open.
    const exited = once(this.#child, "exit");
    this.#child.kill(this.#stopSignal);
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS);
    await exited;
    clearTimeout(timer);
  }

  async #isReady({ readyPort, readyOutput, within }: ProgramOptions): Promise<boolean> {
    if (readyOutput) return readyOutput.test(this.output);
    if (readyPort !== undefined && within === undefined) return await isListening(readyPort);
    return true;
  }
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect({ host: "127.0.0.1", port });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
