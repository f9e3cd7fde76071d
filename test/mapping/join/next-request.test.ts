import assert from "node:assert/strict";
import { AsyncioProgram, type Task } from "../../support/asyncio-program.ts";
import { ok } from "../../support/host.ts";

const SERVER = 0x1000;
const HANDLER = 0x2000;
const FETCH = 0x3000;
const BACKGROUND = 0x4000;
const AT_ONCE = 4;
const ALONE = 20;
const TOGETHER = 5;

interface Options {
  /** The handler calls itself. */
  readonly callsItself?: boolean;
  /** The handler makes a task that calls behind the answer, before what serves the next request is made, or when that is. */
  readonly goesOn?: "first" | "last";
  /** The next request's task is made before the answer is written, as loops do that write later. */
  readonly writesLater?: boolean;
  /** Answers go out together, with the last of them. */
  readonly keepsBack?: boolean;
  /** Answers take longer than what waits for proof. */
  readonly isSlow?: boolean;
}

/**
 * uvicorn with Django: each request has a task, which makes another one that handles it and answers. When it has, the next
 * request of the connection that came with it is begun from within it.
 */
class Program {
  readonly asyncio = new AsyncioProgram();
  readonly #links = [1, 2, 3].map(() => this.asyncio.host.connect({ only: "server" }));
  readonly #options: Options;
  readonly #expected: string[] = [];

  constructor(options: Options = {}) {
    this.#options = options;
  }

  /** So many requests at once on each connection, which take turns. */
  serve(count: number): void {
    const { asyncio } = this;
    const { callsItself = false, goesOn, writesLater = false, keepsBack = false, isSlow = false } = this.#options;
    const served = this.#links.map((link) => {
      const paths = asyncio.readAtOnce(link, count);
      return { link, paths, task: asyncio.make(undefined, SERVER) };
    });
    for (let turn = 0; turn < count; turn++) {
      const handlers = served.map(({ task }) => asyncio.make(task, HANDLER));
      const background: { readonly task: Task; readonly path: string }[] = [];
      for (const [index, handler] of handlers.entries()) {
        const path = served[index]!.paths[turn]!;
        if (goesOn === undefined) this.#call(callsItself ? handler : asyncio.make(handler, FETCH), path);
      }
      asyncio.host.pass(isSlow ? 700 : 1);
      for (const [index, handler] of handlers.entries()) {
        const each = served[index]!;
        const goOn = () => background.push({ task: asyncio.make(handler, BACKGROUND), path: each.paths[turn]! });
        const begin = () => {
          if (turn + 1 < count) each.task = asyncio.make(handler, SERVER);
        };
        if (writesLater) begin();
        if (!keepsBack) each.link.answer(asyncio.by(handler), ok());
        else if (turn === count - 1) each.link.answer(asyncio.by(handler), ok().repeat(count));
        if (goesOn === "first") goOn();
        if (!writesLater) begin();
        if (goesOn === "last") goOn();
      }
      for (const { task, path } of background) this.#call(task, path);
      asyncio.host.pass(1);
    }
    asyncio.host.pass(count === 1 ? 1 : 1000);
  }

  #call(task: Task, path: string): void {
    this.asyncio.call(task, `${path}.1`);
    this.#expected.push(path);
  }

  /** How many calls have their parent; no other has one. */
  right(): number {
    this.asyncio.host.pass(10_000);
    let right = 0;
    for (const path of this.#expected) {
      const parent = this.asyncio.parentOf(`${path}.1`);
      if (parent === undefined) continue;
      assert.equal(parent, path);
      right++;
    }
    return right;
  }
}

function play(options: Options): { readonly right: number; readonly calls: number } {
  const sum = { right: 0, calls: 0 };
  for (const isSlow of [false, true]) {
    const program = new Program({ ...options, isSlow });
    for (let round = 0; round < ALONE; round++) program.serve(1);
    for (let round = 0; round < TOGETHER; round++) program.serve(AT_ONCE);
    sum.right += program.right();
    sum.calls += 3 * (ALONE + TOGETHER * AT_ONCE);
  }
  return sum;
}

describe("a request that is begun by the task that has answered the one before it on the connection", () => {
  it("has made what its handler makes", () => {
    const { right, calls } = play({});
    assert.equal(right, calls);
  });

  it("has made what its handler calls", () => {
    const { right, calls } = play({ callsItself: true });
    assert.equal(right, calls);
  });

  it("where answers are written a moment later, too", () => {
    play({ writesLater: true });
    play({ callsItself: true, writesLater: true });
  });

  it("where answers are kept back, too", () => {
    play({ keepsBack: true });
    play({ callsItself: true, keepsBack: true });
  });

  it("has not made what goes on behind the answer before it", () => {
    play({ goesOn: "first" });
    play({ goesOn: "last" });
  });
});

describe("a task that serves a connection and keeps its answers back while others wait", () => {
  it("has made for nobody else what it makes", () => {
    const asyncio = new AsyncioProgram();
    const links = [1, 2, 3].map(() => asyncio.host.connect({ only: "server" }));
    const tasks = links.map(() => asyncio.make(undefined, SERVER));
    const called: string[] = [];
    for (let round = 0; round < ALONE; round++) {
      const paths = links.map((link) => asyncio.readAtOnce(link, round < ALONE / 2 ? 1 : AT_ONCE));
      for (let turn = 0; turn < paths[0]!.length; turn++)
        for (const [index, task] of tasks.entries()) {
          const path = paths[index]![turn]!;
          asyncio.call(asyncio.make(task, FETCH), `${path}.1`);
          called.push(path);
        }
      for (const [index, task] of tasks.entries())
        links[index]!.answer(asyncio.by(task), ok().repeat(paths[index]!.length));
      asyncio.host.pass(1000);
    }
    asyncio.host.pass(10_000);
    for (const path of called) {
      const parent = asyncio.parentOf(`${path}.1`);
      if (parent !== undefined) assert.equal(parent, path);
    }
  });
});
