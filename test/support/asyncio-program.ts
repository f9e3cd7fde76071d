/** A program of asyncio with a task for each request, as its uprobes tell of it (bpf/unit/python.bpf.h). */
import assert from "node:assert/strict";
import { CauseKind, EventKind, UnitEdge, UnitKind } from "../../src/bpf/layout.gen.ts";
import type { Doer } from "./events.ts";
import { attribute, get, Host, type Link, ok } from "./host.ts";

export const TGID = 900;
const READER = 0x7f00_0000;
const FETCH = 0x5000;

/** Who reads, for all. */
const LOOP: Doer = { tgid: TGID, pid: TGID, unitKind: UnitKind.pythonContext, unitId: READER };

export interface Task {
  readonly context: number;
  readonly creation: number;
}

export class AsyncioProgram {
  readonly host = new Host();
  #nextContext = 0x7f10_0000;
  #requests = 0;

  #newContext(): number {
    this.#nextContext += 64;
    return this.#nextContext;
  }

  by({ context, creation }: Task, tgid = TGID): Doer {
    return {
      tgid,
      pid: tgid,
      unitKind: UnitKind.pythonContext,
      unitId: context,
      causeKind: CauseKind.creation,
      causeId: creation,
    };
  }

  make(maker: Task | undefined, work = FETCH, context = this.#newContext()): Task {
    this.host.nowNs += 1000;
    const creation = this.host.nowNs;
    this.host.engine.unitEdge({
      header: { kind: EventKind.unitEdge, length: 0, timestampNs: creation, tgid: TGID, pid: TGID },
      fromId: maker?.context ?? READER,
      toId: creation,
      fromCreation: maker?.creation ?? 0,
      work,
      edge: UnitEdge.creates,
      unitKind: UnitKind.pythonContext,
    });
    return { context, creation };
  }

  /** A request is read, and a task made for it. @returns its end */
  serve(
    context?: number,
    link = this.host.connect({ only: "server" }),
  ): { readonly task: Task; readonly path: string; answer(): void } {
    const path = this.#read(link);
    const task = this.make(undefined, 1, context);
    return { task, path, answer: () => void link.answer(this.by(task), ok()) };
  }

  /** A request is read for a task that serves the whole connection. */
  serveBy(task: Task, link: Link): { readonly path: string; answer(): void } {
    return { path: this.#read(link), answer: () => void link.answer(this.by(task), ok()) };
  }

  /** A connection brings so many requests at once. @returns their paths */
  readAtOnce(link: Link, count: number): readonly string[] {
    const paths = Array.from({ length: count }, () => `/r${++this.#requests}`);
    link.serverReads(LOOP, paths.map((path) => get(path)).join(""));
    return paths;
  }

  #read(link: Link): string {
    const path = `/r${++this.#requests}`;
    link.serverReads(LOOP, get(path));
    return path;
  }

  call(task: Task, path: string, tgid = TGID): void {
    const doer = this.by(task, tgid);
    this.host.connect({ only: "client", serverPort: 9000 }).send(doer, get(path)).clientReads(doer, ok());
  }

  /** So many requests whose task makes one that calls, and another one beside them, so that none is alone. */
  warm(count = 5): void {
    const beside = this.serve();
    for (let index = 0; index < count; index++) {
      const { task, path, answer } = this.serve();
      this.call(this.make(task), `${path}.1`);
      answer();
    }
    beside.answer();
  }

  /** The path of the parent of the call. */
  parentOf(path: string): string | undefined {
    const spans = this.host.end();
    const call = spans.find((span) => attribute(span, "url.full")?.endsWith(path));
    assert.ok(call, path);
    const parent = spans.find(({ spanId }) => spanId === call.parentSpanId);
    assert.equal(parent === undefined, call.parentSpanId === undefined);
    return parent && attribute(parent, "url.path");
  }
}
