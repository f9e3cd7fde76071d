import assert from "node:assert/strict";
import { AsyncioProgram, type Task } from "../../../support/asyncio-program.ts";
import { get, ok } from "../../../support/host.ts";

const SERVER = 0x1000;
const HANDLER = 0x2000;
const FETCH = 0x3000;
const WRITER = 0x4000;
const BATCH = 0x5000;
const LINKS = 3;

type Shape = "itself" | "through others" | "across the answer" | "behind the answer";

/** Quart: the task of a request makes one that handles it, which has a third one write the answer. */
class Program {
  readonly asyncio = new AsyncioProgram();
  readonly #links = Array.from({ length: LINKS }, () => this.asyncio.host.connect({ only: "server" }));
  readonly #expected = new Map<string, string | undefined>();

  serve(shape: Shape, pipelined = 1): void {
    const { asyncio } = this;
    const paths = this.#links.map((link) => asyncio.readAtOnce(link, pipelined));
    for (let turn = 0; turn < pipelined; turn++) {
      const handlers = paths.map(() => asyncio.make(asyncio.make(undefined, SERVER), HANDLER));
      const callers = handlers.map((handler) => (shape === "itself" ? handler : asyncio.make(handler, FETCH)));
      const call = () => {
        for (const [index, caller] of callers.entries()) this.#call(caller, paths[index]![turn]!);
      };
      const upstreams = callers.map(() => asyncio.host.connect({ only: "client", serverPort: 9000 }));
      if (shape === "across the answer")
        for (const [index, caller] of callers.entries()) {
          const path = paths[index]![turn]!;
          upstreams[index]!.send(asyncio.by(caller), get(`${path}.1`));
          this.#expected.set(`${path}.1`, path);
        }
      else if (shape !== "behind the answer") call();
      for (const [index, link] of this.#links.entries())
        link.answer(asyncio.by(asyncio.make(handlers[index], WRITER)), ok());
      if (shape === "behind the answer") call();
      else if (shape === "across the answer")
        for (const [index, caller] of callers.entries()) upstreams[index]!.clientReads(asyncio.by(caller), ok());
      asyncio.host.pass(1);
    }
  }

  /** The first of these requests makes a task that handles them all: one call, and a task for each answer. */
  serveTogether(count: number): void {
    const { asyncio } = this;
    const links = this.#links.slice(0, count);
    const paths = links.map((link) => asyncio.readAtOnce(link, 1)[0]!);
    const [first] = links.map(() => asyncio.make(undefined, SERVER));
    const batch = asyncio.make(first, BATCH);
    this.#call(batch, paths[0]!, count === 1);
    for (const link of links) link.answer(asyncio.by(asyncio.make(batch, WRITER)), ok());
    asyncio.host.pass(1);
  }

  #call(task: Task, path: string, isKnown = true): void {
    this.asyncio.call(task, `${path}.1`);
    this.#expected.set(`${path}.1`, isKnown ? path : undefined);
  }

  /** @returns how many calls have their parent; no other has one */
  right(): number {
    this.asyncio.host.pass(10_000);
    let right = 0;
    for (const [call, expected] of this.#expected) {
      const parent = this.asyncio.parentOf(call);
      if (parent === undefined) continue;
      assert.equal(parent, expected);
      right++;
    }
    return right;
  }
}

describe("a task that has another one write the answer", () => {
  for (const shape of ["itself", "through others", "across the answer", "behind the answer"] as const)
    it(`calls for the request, ${shape}`, () => {
      const program = new Program();
      for (let round = 0; round < 20; round++) program.serve(shape);
      const right = program.right();
      assert.ok(right >= 45, `${right} of 60`);
    });

  for (const shape of ["itself", "through others"] as const)
    it(`calls for the one whose turn it is, ${shape}, where several come at once`, () => {
      const program = new Program();
      for (let round = 0; round < 20; round++) program.serve(shape);
      for (let round = 0; round < 5; round++) program.serve(shape, 4);
      const right = program.right();
      assert.ok(right >= 105, `${right} of 120`);
    });

  it("calls for nobody where it handles several", () => {
    const program = new Program();
    for (let round = 0; round < 5; round++) program.serveTogether(1);
    const before = program.right();
    assert.ok(before > 0);
    for (let round = 0; round < 5; round++) program.serveTogether(LINKS);
    assert.equal(program.right(), before);
  });
});
