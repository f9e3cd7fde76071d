/** What the words behind the frames of one process name, each read once while it is sampled often. */
import type { FrameLine } from "../../mapping/profile.ts";
import type { ScriptFrame } from "../../mapping/profiles/stack-sample.ts";

const FUNCTION_LIMIT = 20_000;
/** What lies at an address may be moved away: after so long it is read again. */
const TRUSTED_MS = 30_000;

export interface RawScriptFrame {
  /** In the user stack. */
  readonly index: number;
  /** What the frame is of: V8's tagged pointer to the SharedFunctionInfo; HotSpot's Method, or CodeBlob and 1. */
  readonly shared: number;
}

interface Known {
  readonly readMs: number;
  isRead: boolean;
  /** undefined: there is no such function. */
  line: FrameLine | undefined;
  reading: Promise<void>;
}

export class KnownFunctions {
  readonly #read: (word: number) => Promise<FrameLine | undefined>;
  readonly #now: () => number;
  readonly #functions = new Map<number, Known>();

  /** @param now ms */
  constructor(read: (word: number) => Promise<FrameLine | undefined>, now: () => number) {
    this.#read = read;
    this.#now = now;
  }

  /** At once where all of them are known, as they mostly are. */
  resolve(frames: readonly RawScriptFrame[]): readonly ScriptFrame[] | Promise<readonly ScriptFrame[]> {
    const functions = frames.map(({ shared }) => this.#function(shared));
    if (functions.every(({ isRead }) => isRead)) return namedFrames(frames, functions);
    return Promise.all(functions.map(({ reading }) => reading)).then(() => namedFrames(frames, functions));
  }

  #function(word: number): Known {
    const nowMs = this.#now();
    const last = this.#functions.get(word);
    if (last !== undefined && nowMs - last.readMs < TRUSTED_MS) return last;
    if (this.#functions.size >= FUNCTION_LIMIT) this.#functions.clear();
    const known: Known = { readMs: nowMs, isRead: false, line: undefined, reading: Promise.resolve() };
    known.reading = this.#read(word)
      .catch(() => undefined)
      .then((line) => {
        known.line = line;
        known.isRead = true;
        if (line === undefined && this.#functions.get(word) === known) this.#functions.delete(word);
      });
    this.#functions.set(word, known);
    return known;
  }
}

function namedFrames(frames: readonly RawScriptFrame[], functions: readonly Known[]): ScriptFrame[] {
  return frames.flatMap(({ index }, at) => {
    const line = functions[at]?.line;
    return line === undefined ? [] : [{ index, line }];
  });
}
