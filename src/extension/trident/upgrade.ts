/** An upgrade package: received piece by piece, checked, handed to the operator's command. We never run it. */

import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../error.ts";
import { UpgradeRefusedError } from "./error.ts";
import type { UpgradePart } from "./messages.ts";

interface UpgradeSettings {
  readonly command: readonly string[];
  readonly directory: string;
  readonly max_size: number;
}

/** @throws UpgradeRefusedError when anything of it is not as it should be; the file is gone then. */
export class UpgradeReceiver {
  readonly #settings: UpgradeSettings;
  readonly #path: string;
  readonly #hash = createHash("md5");
  #file: FileHandle | undefined;
  #written: Promise<unknown> = Promise.resolve();
  #receivedBytes = 0;
  #receivedPieces = 0;
  #last: UpgradePart | undefined;
  #problem: string | undefined;

  constructor(settings: UpgradeSettings) {
    this.#settings = settings;
    this.#path = join(settings.directory, `upgrade-${randomBytes(8).toString("hex")}.bin`);
  }

  async start(): Promise<void> {
    await mkdir(this.#settings.directory, { recursive: true, mode: 0o700 });
    this.#file = await open(this.#path, "wx", 0o600);
  }

  take(part: UpgradePart): void {
    if (part.isFailed) throw new UpgradeRefusedError("the controller has no package for us");
    if (part.k8sImage !== "")
      throw new UpgradeRefusedError(`the controller offers an image, not a package: ${part.k8sImage}`);
    if (this.#last !== undefined && (part.md5 !== this.#last.md5 || part.totalBytes !== this.#last.totalBytes)) {
      throw new UpgradeRefusedError("pieces of different packages");
    }
    this.#last = part;
    this.#receivedBytes += part.content.length;
    this.#receivedPieces++;
    if (this.#receivedBytes > this.#settings.max_size || part.totalBytes > BigInt(this.#settings.max_size)) {
      throw new UpgradeRefusedError(`larger than max_size ${this.#settings.max_size}`);
    }
    this.#hash.update(part.content);
    const content = Uint8Array.from(part.content);
    this.#written = this.#written
      .then(() => this.#file?.write(content))
      .catch((error: unknown) => {
        this.#problem = messageOf(error);
      });
  }

  /** Checks the whole; resolves with the file's path. */
  async finish(): Promise<string> {
    await this.#written;
    await this.#file?.close();
    this.#file = undefined;
    const md5 = this.#hash.digest("hex");
    const last = this.#last;
    if (this.#problem !== undefined) throw new UpgradeRefusedError(this.#problem);
    if (last === undefined) throw new UpgradeRefusedError("nothing was sent");
    if (BigInt(this.#receivedBytes) !== last.totalBytes) throw new UpgradeRefusedError("the length is not total_len");
    if (this.#receivedPieces !== last.pieces) throw new UpgradeRefusedError("the number of pieces is not pkt_count");
    if (md5 !== last.md5.toLowerCase()) throw new UpgradeRefusedError("the MD5 is not md5");
    return this.#path;
  }

  async discard(): Promise<void> {
    await this.#written;
    await this.#file?.close();
    await rm(this.#path, { force: true });
  }
}

/** Runs the operator's command, without a shell; resolves with its exit code. */
export function handOver(command: readonly string[], path: string): Promise<number> {
  const [program = "", ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args, path], { stdio: "ignore", detached: true });
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? -1));
    child.unref();
  });
}
