/** Where `profile` writes: known to be writable before anything is sampled, and never left with what an earlier run wrote. */
import {
  chownSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { encodePprof } from "../../mapping/profiles/pprof.ts";
import { ProfileOutputError, UsageError } from "../error.ts";
import { sudoUser } from "../sudo-user.ts";

const STDOUT = "-";

interface OutputRequest {
  /** A path, or `-`. */
  readonly output: string;
  readonly hasOffCpu: boolean;
  readonly hasCommand: boolean;
}

export class ProfileOutput {
  readonly #path: string;
  readonly #isStdout: boolean;
  readonly #hasOffCpu: boolean;
  /** Files that were not there before. */
  readonly #made: string[] = [];

  /** @throws UsageError, ProfileOutputError */
  constructor({ output, hasOffCpu, hasCommand }: OutputRequest) {
    this.#isStdout = output === STDOUT;
    this.#hasOffCpu = hasOffCpu;
    this.#path = resolve(output);
    if (this.#isStdout) checkStdout(hasOffCpu, hasCommand);
    else for (const path of this.#paths()) this.#touch(path);
  }

  /**
   * @param parts what the exporter wrote
   * @returns what holds samples
   * @throws ProfileOutputError; then `parts` is to be kept
   */
  keep(parts: string, periodNano: number): readonly string[] {
    const names = existsSync(parts) ? readdirSync(parts).filter((name) => name.endsWith(".pb.gz")) : [];
    const written: string[] = [];
    for (const path of this.#paths()) {
      const type = path === this.#path ? "cpu" : "off_cpu";
      const name = names.find((each) => each.startsWith(`${type}-`));
      if (name !== undefined) written.push(path);
      const bytes = name === undefined ? emptyProfile(type, periodNano) : readFileSync(join(parts, name));
      try {
        this.#write(path, bytes);
      } catch (error) {
        throw new ProfileOutputError(this.#isStdout ? "stdout" : path, error, parts);
      }
    }
    this.#made.length = 0;
    return this.#isStdout ? written.map(() => "stdout") : written;
  }

  /** Nothing came of it: what was made for it goes. */
  abandon(): void {
    for (const path of this.#made) if (existsSync(path) && statSync(path).size === 0) rmSync(path, { force: true });
  }

  #paths(): readonly string[] {
    return this.#hasOffCpu ? [this.#path, beside(this.#path)] : [this.#path];
  }

  #touch(path: string): void {
    const isNew = !existsSync(path);
    try {
      closeSync(openSync(path, "a", 0o640));
      if (!isNew) return;
      this.#made.push(path);
      const user = sudoUser(process.env);
      if (user !== undefined) chownSync(path, user.uid, user.gid);
    } catch (error) {
      this.abandon();
      throw new ProfileOutputError(path, error);
    }
  }

  #write(path: string, bytes: Uint8Array): void {
    const fd = this.#isStdout ? 1 : openSync(path, "w");
    try {
      for (let done = 0; done < bytes.length; ) done += writeSome(fd, bytes.subarray(done));
    } finally {
      if (!this.#isStdout) closeSync(fd);
    }
  }
}

/** A pipe may be one that does not block, and full. */
function writeSome(fd: number, bytes: Uint8Array): number {
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    return 0;
  }
}

function checkStdout(hasOffCpu: boolean, hasCommand: boolean): void {
  const advice = "Name a file with -o.";
  if (process.stdout.isTTY) throw new UsageError("a profile is nothing for a terminal", advice);
  if (hasOffCpu) throw new UsageError("--off-cpu makes two profiles, and stdout takes one", advice);
  if (hasCommand) throw new UsageError("the command itself writes to stdout", advice);
}

/** Nothing was sampled, which is a profile too; tools want to see that rather than the last one. */
function emptyProfile(type: "cpu" | "off_cpu", periodNano: number): Uint8Array {
  const timeUnixNano = BigInt(Date.now()) * 1_000_000n;
  const resource = { attributes: [] };
  return gzipSync(encodePprof([{ type, resource, timeUnixNano, durationNano: 0n, periodNano, samples: [] }]));
}

function beside(output: string): string {
  const at = output.search(/(?:\.pb)?(?:\.gz)?$/);
  return `${output.slice(0, at)}.off_cpu${output.slice(at)}`;
}
