/** What a test makes and has to take away again: a folder, programs, anything else; the last made goes first. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Stoppable {
  stop(): Promise<void>;
}

export class Scratch {
  readonly #cleanups: (() => Promise<void>)[] = [];
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.defer(() => rm(folder, { recursive: true, force: true }));
  }

  static async create(): Promise<Scratch> {
    return new Scratch(await mkdtemp(join(tmpdir(), "sockspan-test-")));
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  defer(cleanup: () => Promise<void>): void {
    this.#cleanups.push(cleanup);
  }

  keep<T extends Stoppable>(thing: T): T {
    this.defer(() => thing.stop());
    return thing;
  }

  async cleanUp(): Promise<void> {
    for (let cleanup = this.#cleanups.pop(); cleanup; cleanup = this.#cleanups.pop()) await cleanup();
  }
}
