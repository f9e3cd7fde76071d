/** Names of Java's frames: which method, or which code of HotSpot's, each is of is in the sample, its name is read from the process. */
import { encodeJavaEngine, PROFILE_LAYOUT } from "../../bpf/layout.gen.ts";
import { findImage } from "../runtimes/images.ts";
import type { MemoryMapping, ProcessView } from "../runtimes/process-view.ts";
import { findJvm } from "./jvm-layout.ts";
import { JvmMethods } from "./jvm-methods.ts";
import { KnownFunctions } from "./known-functions.ts";
import { ProcessFunctions } from "./process-functions.ts";

const IMAGE = /^libjvm\.so$/;
/** A machine that starts has no code cache yet. */
const RETRY_MS = [100, 200, 400, 800, 1600, 3200] as const;

interface JvmFramesOptions {
  view(tgid: number, executable: string): ProcessView;
  /** Writes the map `java_engines`. */
  write(tgid: number, value: Uint8Array): Promise<unknown>;
  /** ms */
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<unknown>;
}

export class JvmFrames {
  readonly #options: JvmFramesOptions;
  readonly #processes = new ProcessFunctions();
  readonly #looking = new Set<number>();

  constructor(options: JvmFramesOptions) {
    this.#options = options;
  }

  /** If the process runs HotSpot, what its frames are of is read from now on. */
  async look(tgid: number, mappings: readonly MemoryMapping[]): Promise<void> {
    const mapping = mappings.find(({ path }) => IMAGE.test(path.slice(path.lastIndexOf("/") + 1)));
    if (mapping === undefined || this.#processes.has(tgid) || this.#looking.has(tgid)) return;
    this.#looking.add(tgid);
    try {
      await this.#find(tgid, mapping.path);
    } finally {
      this.#looking.delete(tgid);
    }
  }

  async #find(tgid: number, path: string): Promise<void> {
    for (const waitMs of RETRY_MS) {
      const view = this.#options.view(tgid, path);
      const image = await findImage(view, IMAGE);
      const found = image === undefined ? undefined : await findJvm(view, image);
      // It has ended, or executes something else.
      if (!this.#looking.has(tgid)) return;
      if (found !== undefined) {
        const methods = new JvmMethods(view, found.layout);
        this.#processes.set(tgid, new KnownFunctions((word) => methods.lineOf(word), this.#options.now));
        const bytes = new Uint8Array(PROFILE_LAYOUT.java_engine.sizeBytes);
        encodeJavaEngine(new DataView(bytes.buffer), 0, found.engine);
        await this.#options.write(tgid, bytes);
        return;
      }
      await this.#options.wait(waitMs);
    }
  }

  exited(tgid: number): void {
    this.#processes.delete(tgid);
    this.#looking.delete(tgid);
  }

  /** undefined: it runs no HotSpot. */
  functionsOf(tgid: number): KnownFunctions | undefined {
    return this.#processes.get(tgid);
  }
}
