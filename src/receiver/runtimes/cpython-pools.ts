/**
 * Pools of threads in CPython 3.11 to 3.13: what a thread is working on, as the loop that gives it its jobs names it.
 *
 * A thread's data stack begins with the frames that live as long as the thread: Thread._bootstrap, _bootstrap_inner, run,
 * and the pool's loop. So the loop's frame is at a fixed distance from the stack's beginning, is known by its code object,
 * and its local variables name the job. Where an asyncio task awaits the job, the way goes on to the task's context:
 * the future that the task waits for holds it for its wake-up (Modules/_asynciomodule.c, fut_context0).
 */
import { type PoolSite, UnitKind } from "../../bpf/layout.gen.ts";
import { u64, viewOf } from "../elf/elf-file.ts";
import { type Codes, framesOfThread } from "./cpython-green-threads.ts";
import { attributeOf, foretellAnyio, type Way, wayOfFuture, wayOfWorkItem } from "./cpython-job-way.ts";
import { FIRST_FRAME, FRAME_WORDS, type FrameLayout, type Offsets } from "./cpython-layout.ts";
import {
  ANYIO,
  isOf,
  isThreadBegin,
  KNOWN_AHEAD,
  type KnownAhead,
  type KnownLoop,
  LOOPS,
  POOL_LOOP,
  THREAD_FRAMES,
  WORK_ITEM,
} from "./cpython-pool-loops.ts";
import type { ProcessView } from "./process-view.ts";
import { PyOffset, type PythonCode, PythonObjects } from "./python-objects.ts";

/** What names the jobs of ThreadPoolExecutor and what they run. */
export interface WorkItems {
  readonly type: number;
  readonly functionType: number;
  /** From a job to what it calls. */
  readonly functionHops: readonly number[];
}

/** Of the thread state, the stack and the frames of one look. */
const MAX_THREADS = 4096;
const MAX_NEW_THREADS = 4;
const MAX_CHUNKS = 4;
const MAX_FRAMES = 6;
const STACK_BYTES = 2048;
const THREAD_STATE_BYTES = 304;
/** PyThreadState.next */
const NEXT_THREAD = 8;
const MAX_SITES = 4;

export class PythonPools {
  readonly #process: ProcessView;
  readonly #interpreter: number;
  readonly #secret: number;
  readonly #offsets: Offsets;
  readonly #layout: FrameLayout;
  readonly #objects: PythonObjects;
  /** Thread states whose loop is known, and all that can be known of it, by the root of their stack. */
  readonly #done = new Map<number, number>();
  /** Threads that had no job, in the same way: others first. */
  readonly #idle = new Map<number, number>();
  readonly #sites = new Map<number, PoolSite>();
  /** Loops whose place was computed: a thread that is there knows better. */
  readonly #computed = new Set<number>();
  /** Loops that were looked for before there were such threads, and found. */
  readonly #ahead = new Set<KnownLoop>();
  /** Loops whose jobs tasks may await, by their code. */
  readonly #awaited = new Set<number>();
  /** Globals of concurrent/futures/thread.py; 0: no thread of its pools has been seen. */
  #globals = 0;
  #workItems: WorkItems | undefined;
  /** _asyncio.Future; 0: not found yet. */
  #futureType = 0;
  /** anyio's loop, whose code is loaded with the first job, by its name. */
  #foretold: PoolSite | undefined;
  #isPrepared = false;
  #hasThreads = false;

  /** @param secret address of _Py_HashSecret; 0: not exported */
  constructor(process: ProcessView, interpreter: number, offsets: Offsets, layout: FrameLayout, secret: number) {
    this.#process = process;
    this.#secret = secret;
    this.#interpreter = interpreter;
    this.#offsets = offsets;
    this.#layout = layout;
    this.#objects = new PythonObjects(process, layout, secret);
  }

  /** The same of a process that was forked from this one: it has none of its threads, and all else where it was. */
  forFork(process: ProcessView): PythonPools {
    const pools = new PythonPools(process, this.#interpreter, this.#offsets, this.#layout, this.#secret);
    for (const [code, site] of this.#sites) pools.#sites.set(code, site);
    for (const code of this.#awaited) pools.#awaited.add(code);
    for (const code of this.#computed) pools.#computed.add(code);
    for (const loop of this.#ahead) pools.#ahead.add(loop);
    pools.#futureType = this.#futureType;
    pools.#foretold = this.#foretold;
    pools.#globals = this.#globals;
    pools.#workItems = this.#workItems;
    pools.#isPrepared = this.#isPrepared;
    return pools;
  }

  get hasWorkItems(): boolean {
    return this.#globals !== 0;
  }

  /** undefined: no thread of ThreadPoolExecutor has been seen, or they have not been asked for. */
  get workItems(): WorkItems | undefined {
    return this.#workItems;
  }

  async findWorkItems(): Promise<void> {
    if (this.#workItems === undefined && this.#globals !== 0) await this.#findJob();
  }

  /** The threads' loop is known before there are any. */
  get isPrepared(): boolean {
    return this.#isPrepared;
  }

  /** A thread of a pool has been seen. */
  get hasThreads(): boolean {
    return this.#hasThreads;
  }

  /**
   * A pool may be made by the first request that needs it. Its threads will have the frames of threading.Thread, of the
   * pool's loop and of the job, whose sizes their code tells.
   *
   * @param seesJobs what puts jobs into ThreadPoolExecutor's queue is known
   */
  async prepare(seesJobs: boolean): Promise<void> {
    if (this.#offsets.modules === undefined) return;
    const isAnyioKnown = [...this.#sites.values()].some(
      ({ code, hopCount }) => hopCount > 0 && this.#computed.has(code),
    );
    const wantsExecutor = seesJobs && !this.#isPrepared;
    const isAhead = KNOWN_AHEAD.filter(({ loop }) => !this.#ahead.has(loop));
    if (!wantsExecutor && isAnyioKnown && isAhead.length === 0) return;
    const modules = await this.#objects.pointer(this.#interpreter + this.#offsets.modules);
    const [threading = 0, pools = 0, anyio = 0, asyncio = 0, ...others] = await this.#objects.valuesIn(modules, [
      "threading",
      "concurrent.futures.thread",
      ANYIO.module,
      "_asyncio",
      ...isAhead.map(({ module }) => module),
    ]);
    if (this.#futureType === 0) await this.#findFutureType(asyncio);
    const [threadType = 0] = await this.#objects.valuesIn(await this.#globalsOf(threading), ["Thread"]);
    if (threadType === 0) return;
    const methods = await this.#objects.methodsOf(threadType, THREAD_FRAMES);
    const thread = await Promise.all(methods.map((method) => this.#codeOf(method)));
    const [bootstrap, inner] = thread;
    // Without anyio, too: whose threads come later is understood the sooner when this is known.
    const frame = this.#frameBehind([bootstrap, inner]);
    if (!isAnyioKnown && anyio !== 0) await this.#prepareAnyio(anyio, frame);
    else if (!isAnyioKnown && frame !== undefined) this.#foretell(frame);
    for (const [index, ahead] of isAhead.entries()) await this.#prepareAhead(ahead, others[index] ?? 0, thread);
    if (wantsExecutor && pools !== 0)
      await this.#prepareExecutor(
        await this.#globalsOf(pools),
        await framesOfThread(this.#objects, modules, await this.#globalsOf(threading), thread),
      );
  }

  async #prepareAhead({ loop, type, method, frames }: KnownAhead, module: number, thread: Codes) {
    if (module === 0) return;
    const holder = await this.#objects.valueIn(await this.#globalsOf(module), type);
    const [callable = 0] = holder === 0 ? [] : await this.#objects.methodsOf(holder, [method]);
    const code = await this.#codeOf(callable);
    const frame = this.#frameBehind(thread.slice(0, frames));
    if (code === undefined || frame === undefined || !isOf(code, loop)) return;
    this.#ahead.add(loop);
    if (this.#sites.has(code.address)) return;
    this.#computed.add(code.address);
    await this.#addSite(loop, code, frame, undefined);
  }

  async #prepareExecutor(globals: number, thread: Codes): Promise<void> {
    if (globals === 0) return;
    const loop = await this.#codeOf(await this.#objects.valueIn(globals, POOL_LOOP.qualifiedName));
    const frame = this.#frameBehind([...thread, loop]);
    this.#globals = globals;
    if (frame === undefined) return;
    const run = await this.#findJob();
    if (run === undefined) return;
    this.#isPrepared = true;
    if (!this.#sites.has(run.address)) await this.#addSite(WORK_ITEM, run, frame, undefined);
  }

  /** The loop is the method that Thread.run is overridden with, so its frame is that one's. */
  async #prepareAnyio(module: number, frame: number | undefined): Promise<void> {
    if (frame === undefined) return;
    const type = await this.#objects.valueIn(await this.#globalsOf(module), ANYIO.type);
    const { code } = await this.#runOf(type);
    if (code === undefined || !isOf(code, ANYIO.loop) || this.#sites.has(code.address)) return;
    this.#computed.add(code.address);
    await this.#addSite(ANYIO.loop, code, frame, undefined);
  }

  /** Its module may be loaded by the first request, whose job a thread does at once. */
  #foretell(frame: number): void {
    if (this.#futureType === 0) return;
    this.#foretold = foretellAnyio(frame, this.#layout, this.#futureType);
  }

  #globalsOf(module: number): Promise<number> {
    return this.#objects.follow(module, [PyOffset.moduleDictionary]);
  }

  /** Where the frame begins that follows those of `codes` on a thread's stack. */
  #frameBehind(codes: Codes): number | undefined {
    let frame = FIRST_FRAME;
    for (const code of codes) {
      if (code === undefined) return undefined;
      frame += code.frameBytes;
    }
    return frame;
  }

  /** Of some loop the way to the task is not known: none of its jobs was at hand. */
  get isIncomplete(): boolean {
    if (!this.#hasThreads) return false;
    for (const { code, hopCount } of this.#sites.values()) if (hopCount === 0 && this.#awaited.has(code)) return true;
    return false;
  }

  get sites(): readonly PoolSite[] {
    const known = [...this.#sites.values()].sort((left, right) => left.codeOffset - right.codeOffset);
    if (this.#foretold !== undefined && !known.some(({ proof }) => proof === this.#futureType))
      known.push(this.#foretold);
    return known.slice(0, MAX_SITES);
  }

  /** Looks at threads that it has not understood yet, the newest first. */
  async look(): Promise<readonly PoolSite[]> {
    const seen = new Set<number>();
    let looked = 0;
    const before = [...this.#sites.values()];
    const isNew = () => [...this.#sites.values()].some((site, index) => site !== before[index]);
    let thread = await this.#objects.pointer(this.#interpreter + this.#offsets.threads);
    while (thread !== 0 && !seen.has(thread) && seen.size < MAX_THREADS && looked < MAX_NEW_THREADS) {
      seen.add(thread);
      const state = await this.#process.memory(thread, THREAD_STATE_BYTES);
      if (state.length < THREAD_STATE_BYTES) break;
      const view = viewOf(state);
      const chunk = u64(view, this.#offsets.dataStack!);
      if (chunk !== 0 && this.#done.get(thread) !== chunk && this.#idle.get(thread) !== chunk) {
        looked++;
        const { isWhole, isIdle, root } = await this.#lookAt(chunk);
        if (isIdle) this.#idle.set(thread, chunk);
        // A deep stack has a chunk on top that comes and goes: only a thread with another root is another thread.
        if (isWhole && root === chunk) this.#done.set(thread, chunk);
        // Told at once, since each read takes long while the process is busy: the other threads' turn is the next look.
        if (isNew()) break;
      }
      thread = u64(view, NEXT_THREAD);
    }
    // All others have been looked at: their turn again.
    if (looked < MAX_NEW_THREADS && !isNew()) this.#idle.clear();
    if (this.#done.size > 2 * MAX_THREADS) this.#done.clear();
    return this.sites;
  }

  /** @returns isWhole: a second look would bring nothing */
  async #lookAt(chunk: number): Promise<{ isWhole: boolean; isIdle?: boolean; root: number }> {
    let root = chunk;
    let view = await this.#chunk(root);
    for (let hop = 0; view !== undefined && hop < MAX_CHUNKS && u64(view, 0) !== 0; hop++) {
      root = u64(view, 0);
      view = await this.#chunk(root);
    }
    if (view === undefined) return { isWhole: false, root };
    let frame = FIRST_FRAME;
    let poolLoop = 0;
    for (let index = 0; index < MAX_FRAMES && frame + 8 * FRAME_WORDS < STACK_BYTES; index++) {
      const code = await this.#objects.code(u64(view, frame + this.#layout.code));
      const loop = code && LOOPS.find((known) => isOf(code, known));
      if (poolLoop !== 0 || loop !== undefined) this.#hasThreads = true;
      if (poolLoop !== 0 && loop !== WORK_ITEM) {
        const isWhole = await this.#addIdlePool(view, poolLoop, frame);
        return { isWhole, isIdle: true, root };
      }
      if (code === undefined) return { isWhole: index > 3, root };
      // The main thread, and those that C code has begun, have no loop of a pool there.
      if (index === 0 && loop === undefined && !isThreadBegin(code)) return { isWhole: true, root };
      poolLoop = isOf(code, POOL_LOOP) ? frame : 0;
      if (loop !== undefined) return { isWhole: await this.#addSite(loop, code, frame, view), root };
      frame += code.frameBytes;
    }
    return { isWhole: true, root };
  }

  /**
   * A job may be over before anybody looks, so its class is taken from the globals of the pool's loop.
   *
   * @param frame where that of a job would be
   */
  async #addIdlePool(stack: DataView, poolLoop: number, frame: number): Promise<boolean> {
    const known = [...this.#sites.values()].find(({ codeOffset }) => codeOffset === frame + this.#layout.code);
    if (known !== undefined) return known.hopCount > 0;
    this.#globals = u64(stack, poolLoop + this.#layout.globals);
    const run = await this.#findJob();
    if (run !== undefined) await this.#addSite(WORK_ITEM, run, frame, undefined);
    return false;
  }

  /** @returns the code of _WorkItem.run */
  async #findJob(): Promise<PythonCode | undefined> {
    const type = await this.#objects.valueIn(this.#globals, "_WorkItem");
    const { run, code } = await this.#runOf(type);
    if (code === undefined || !isOf(code, WORK_ITEM)) return undefined;
    const functionType = await this.#objects.pointer(run + PyOffset.type);
    this.#workItems ??= { type, functionType, functionHops: attributeOf(this.#layout, 1) };
    return code;
  }

  /** The method `run` of a class. */
  async #runOf(type: number): Promise<{ readonly run: number; readonly code: PythonCode | undefined }> {
    const methods = await this.#objects.follow(type, [PyOffset.typeDictionary]);
    const run = await this.#objects.valueIn(methods, "run");
    return { run, code: await this.#codeOf(run) };
  }

  #codeOf(callable: number): Promise<PythonCode | undefined> {
    return this.#objects.codeOf(callable);
  }

  async #chunk(address: number): Promise<DataView | undefined> {
    const bytes = await this.#process.memory(address, STACK_BYTES);
    return bytes.length < STACK_BYTES ? undefined : viewOf(bytes);
  }

  /** @param stack undefined: the thread has no job */
  async #addSite(loop: KnownLoop, code: PythonCode, frame: number, stack: DataView | undefined): Promise<boolean> {
    const isSeen = stack !== undefined && this.#computed.delete(code.address);
    const known = isSeen ? undefined : this.#sites.get(code.address);
    if (known !== undefined && (known.hopCount > 0 || loop.awaitedBy === undefined)) return true;
    const local = (await code.names()).indexOf(loop.job);
    if (local < 0) return true;
    const jobOffset = frame + 8 * (FRAME_WORDS + local);
    if (loop.awaitedBy !== undefined) this.#awaited.add(code.address);
    const job = stack === undefined ? 0 : u64(stack, jobOffset);
    if (loop === WORK_ITEM && stack !== undefined) this.#globals = u64(stack, frame + this.#layout.globals);
    const way = loop.awaitedBy === undefined ? undefined : await this.#wayToTask(loop.awaitedBy, job);
    this.#sites.set(code.address, {
      code: code.address,
      codeOffset: frame + this.#layout.code,
      jobOffset,
      proof: way?.proof ?? 0,
      proofHop: way?.proofHop ?? 0,
      proofOffset: way?.proofOffset ?? 0,
      hopCount: way?.hops.length ?? 0,
      hops: way?.hops ?? [],
      unitKind: UnitKind.pythonContext,
      name: [],
      nameText: 0,
    });
    return loop.awaitedBy === undefined || way !== undefined;
  }

  /** @param job 0: none is at hand */
  async #wayToTask(kind: "future" | "work_item", job: number): Promise<Way | undefined> {
    if (kind === "future") return this.#wayOfFuture();
    return job === 0 ? undefined : wayOfWorkItem(this.#objects, this.#layout, job);
  }

  /** That the job is such a future is proved whenever it is read. */
  async #wayOfFuture(): Promise<Way | undefined> {
    if (this.#futureType === 0 && this.#offsets.modules !== undefined) {
      const modules = await this.#objects.pointer(this.#interpreter + this.#offsets.modules);
      await this.#findFutureType(await this.#objects.valueIn(modules, "_asyncio"));
    }
    if (this.#futureType === 0) return undefined;
    return wayOfFuture(this.#futureType);
  }

  async #findFutureType(module: number): Promise<void> {
    const type = await this.#objects.valueIn(await this.#globalsOf(module), "Future");
    if (type !== 0 && (await this.#objects.nameOfType(type)) === "_asyncio.Future") this.#futureType = type;
  }
}
