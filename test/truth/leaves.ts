/** What the programs under test call, each started when it is asked for first. */

import { startPostgres, startRedis } from "../support/backends.ts";
import { freePort } from "../support/free-port.ts";
import { Scratch } from "../support/scratch.ts";
import { startLeaf } from "./catalogue/node.ts";
import type { LeafKind } from "./catalogue/program.ts";
import { waitForPort } from "./load.ts";
import { stop } from "./stop.ts";

const HTTP_STARTS_MS = 10_000;

export class Leaves {
  readonly #scratch: Scratch;
  readonly #urls = new Map<LeafKind, Promise<string>>();

  private constructor(scratch: Scratch) {
    this.#scratch = scratch;
  }

  static async create(): Promise<Leaves> {
    return new Leaves(await Scratch.create());
  }

  /** Where it listens, as a URL. */
  urlOf(kind: LeafKind): Promise<string> {
    const url = this.#urls.get(kind) ?? START[kind](this.#scratch);
    this.#urls.set(kind, url);
    return url;
  }

  async stop(): Promise<void> {
    await this.#scratch.cleanUp();
  }
}

async function startHttp(scratch: Scratch, isHttp2: boolean): Promise<string> {
  const port = await freePort();
  const leaf = startLeaf(port, isHttp2);
  const watch = new AbortController();
  leaf.once("exit", (code, signal) => {
    if (watch.signal.aborted) return;
    process.stderr.write(`the leaf that the programs call ended (${code ?? signal}): nothing can be measured\n`);
    process.exit(1);
  });
  scratch.defer(async () => {
    watch.abort();
    await stop(leaf);
  });
  await waitForPort(port, HTTP_STARTS_MS);
  return `http://127.0.0.1:${port}`;
}

const START: Readonly<Record<LeafKind, (scratch: Scratch) => Promise<string>>> = {
  http: (scratch) => startHttp(scratch, false),
  http2: (scratch) => startHttp(scratch, true),
  async redis(scratch) {
    return `redis://127.0.0.1:${(await startRedis(scratch)).port}`;
  },
  async postgres(scratch) {
    return `postgres://postgres@127.0.0.1:${(await startPostgres(scratch)).port}/postgres`;
  },
};
