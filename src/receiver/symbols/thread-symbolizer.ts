/** The Symbolizer: keeps the frames that are known, and asks the symbol thread for the others. */

import { Worker } from "node:worker_threads";
import type { BrokerClient } from "../../ipc/broker-client.ts";
import type { Log } from "../../log.ts";
import { makeRoom } from "../../make-room.ts";
import { StageAccount } from "../../mapping/account.ts";
import type { Frame } from "../../mapping/profile.ts";
import { interleaveFrames } from "../../mapping/profiles/interleave-frames.ts";
import { addScriptFrames } from "../../mapping/profiles/script-frames.ts";
import { lookupAddress, type StackSample } from "../../mapping/profiles/stack-sample.ts";
import { FrameCache } from "./frame-cache.ts";
import type { NamedSample, Symbolizer } from "./symbolizer.ts";
import type { FromThread, ResolvedFrame, ResolvedProcess, SymbolThreadData, ToThread } from "./thread-message.ts";

const DEADLINE_MS = 5000;
/** The thread may need a moment more to notice its deadline. */
const GRACE_MS = 1000;
/** Also what the thread says of a table that it has not read yet. */
const LATE = "late";
const PROCESS_LIMIT = 4096;
const STACK_LIMIT = 1024;
/** The user half of the address space; above there is nothing that a process could execute. */
const USER_LIMIT = 1n << 56n;

interface ThreadSymbolizerOptions {
  readonly client: Pick<BrokerClient, "request">;
  readonly log: Log;
  readonly nowMs: () => number;
  /** A stream of its own to the broker. */
  readonly channelFd?: number | undefined;
}

interface Stack {
  readonly frames: readonly Frame[];
  /** Frames of the machine's stack. */
  readonly count: number;
  /** Of each of them that has no name. */
  readonly reasons: readonly string[];
  /** Whose addresses they are; another one after the process has executed another program. */
  readonly cache: FrameCache | undefined;
  /** Until the first of its frames has to be asked for again. */
  readonly untilMs: number;
}

interface Missing {
  readonly users: Map<number, Set<bigint>>;
  readonly kernel: Set<bigint>;
}

export class ThreadSymbolizer implements Symbolizer {
  readonly account = new StageAccount("symbols", "frames");
  readonly #options: ThreadSymbolizerOptions;
  readonly #thread: Worker;
  readonly #ready: Promise<void>;
  readonly #users = new Map<number, FrameCache>();
  readonly #kernel = new FrameCache();
  /** The one used last is the last: a busy program is in the same few places for most of the time. */
  readonly #stacks = new Map<string, Stack>();
  readonly #pending = new Map<number, (answer: Extract<FromThread, { kind: "resolved" }> | undefined) => void>();
  #lastId = 0;
  #isGone = false;
  #onReady: () => void = () => {};

  constructor(options: ThreadSymbolizerOptions) {
    this.#options = options;
    this.#ready = new Promise((resolve) => {
      this.#onReady = resolve;
    });
    this.#thread = new Worker(new URL("./symbol-thread.js", import.meta.url), {
      workerData: { channelFd: options.channelFd } satisfies SymbolThreadData,
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
    });
    this.#thread.on("message", (message: FromThread) => this.#receive(message));
    this.#thread.on("error", (error) => this.#lose(String(error)));
    this.#thread.on("exit", () => this.#lose("it ended"));
  }

  ready(): Promise<void> {
    return this.#ready;
  }

  seen(tgid: number): void {
    if (!this.#users.has(tgid)) this.#add(tgid);
  }

  forked(tgid: number, parentTgid: number): void {
    this.#users.delete(tgid);
    this.#say({ kind: "forked", tgid, parentTgid });
  }

  executed(tgid: number): void {
    this.#users.delete(tgid);
    this.#say({ kind: "executed", tgid });
  }

  exited(tgid: number): void {
    this.#say({ kind: "exited", tgid });
  }

  async symbolize(samples: readonly StackSample[]): Promise<readonly NamedSample[]> {
    const keys = samples.map(stackKey);
    const stacks = new Map<string, Stack>();
    const unknown = new Map<string, StackSample>();
    samples.forEach((sample, index) => {
      const key = keys[index]!;
      if (stacks.has(key) || unknown.has(key)) return;
      const known = this.#known(key, sample.tgid);
      if (known === undefined) unknown.set(key, sample);
      else stacks.set(key, known);
    });
    const missing = this.#missing([...unknown.values()]);
    if (missing.users.size > 0 || missing.kernel.size > 0) await this.#ask(missing);
    for (const [key, sample] of unknown) stacks.set(key, this.#shared(key, this.#stackOf(sample)));
    this.#keep(stacks);
    return samples.map((sample, index) => {
      const stack = stacks.get(keys[index]!)!;
      this.#account(stack);
      return { sample, stack: stack.frames, isLate: stack.reasons.includes(LATE) };
    });
  }

  #known(key: string, tgid: number): Stack | undefined {
    const stack = this.#stacks.get(key);
    const isTrue =
      stack !== undefined && this.#options.nowMs() < stack.untilMs && stack.cache === this.#users.get(tgid);
    return isTrue ? stack : undefined;
  }

  #keep(stacks: ReadonlyMap<string, Stack>): void {
    for (const [key, stack] of stacks) {
      this.#stacks.delete(key);
      this.#stacks.set(key, stack);
    }
    for (const key of this.#stacks.keys()) {
      if (this.#stacks.size <= STACK_LIMIT) return;
      this.#stacks.delete(key);
    }
  }

  /** The very array of the last time, where nothing of it has changed: who encodes it knows it again. */
  #shared(key: string, stack: Stack): Stack {
    const last = this.#stacks.get(key);
    const isSame =
      last !== undefined &&
      last.frames.length === stack.frames.length &&
      last.frames.every((frame, i) => frame === stack.frames[i]);
    return isSame ? { ...stack, frames: last.frames } : stack;
  }

  async stop(): Promise<void> {
    this.#isGone = true;
    for (const resolve of this.#pending.values()) resolve(undefined);
    this.#pending.clear();
    await this.#thread.terminate();
  }

  #add(tgid: number): FrameCache {
    makeRoom(this.#users, PROCESS_LIMIT);
    const cache = new FrameCache();
    this.#users.set(tgid, cache);
    this.#say({ kind: "seen", tgid });
    return cache;
  }

  #missing(samples: readonly StackSample[]): Missing {
    const nowMs = this.#options.nowMs();
    const users = new Map<number, Set<bigint>>();
    const kernel = new Set<bigint>();
    for (const sample of samples) {
      for (const address of kernelAddresses(sample)) {
        if (this.#kernel.get(address, nowMs) === undefined) kernel.add(address);
      }
      const { tgid } = sample;
      if (sample.userStack.length === 0) continue;
      const cache = this.#users.get(tgid) ?? this.#add(tgid);
      for (const address of userAddresses(sample)) {
        if (address >= USER_LIMIT || cache.get(address, nowMs) !== undefined) continue;
        const wanted = users.get(tgid);
        if (wanted === undefined) users.set(tgid, new Set([address]));
        else wanted.add(address);
      }
    }
    return { users, kernel };
  }

  async #ask({ users, kernel }: Missing): Promise<void> {
    const processes = [...users].map(([tgid, addresses]) => ({
      tgid,
      addresses: Float64Array.from([...addresses], Number),
    }));
    const kernelAddresses = BigUint64Array.from(kernel);
    this.#lastId++;
    const id = this.#lastId;
    const answer = await new Promise<Extract<FromThread, { kind: "resolved" }> | undefined>((resolve) => {
      const timer = setTimeout(() => this.#settle(id, undefined), DEADLINE_MS + GRACE_MS);
      this.#pending.set(id, (value) => {
        clearTimeout(timer);
        resolve(value);
      });
      if (this.#isGone) this.#settle(id, undefined);
      else this.#say({ kind: "resolve", id, deadlineMs: DEADLINE_MS, processes, kernelAddresses });
    });
    if (answer === undefined) return;
    const nowMs = this.#options.nowMs();
    [...users].forEach(([tgid, addresses], index) => {
      const resolved = answer.processes[index];
      if (resolved !== undefined) learn(this.#users.get(tgid), addresses, resolved, nowMs);
    });
    learn(this.#kernel, kernel, { frames: answer.kernelFrames, mappings: [] }, nowMs);
  }

  #stackOf(sample: StackSample): Stack {
    const reasons: string[] = [];
    let untilMs = Number.POSITIVE_INFINITY;
    const frameOf = (cache: FrameCache | undefined, address: bigint, type: string): Frame => {
      const cached = cache?.last(address);
      untilMs = Math.min(untilMs, cached?.untilMs ?? Number.NEGATIVE_INFINITY);
      if (cached === undefined) reasons.push(LATE);
      else if (cached.reason !== undefined) reasons.push(cached.reason);
      return cached?.frame ?? { address, mapping: undefined, type, lines: [] };
    };
    const kernel = [...kernelAddresses(sample)].map((address) => frameOf(this.#kernel, address, "kernel"));
    const cache = this.#users.get(sample.tgid);
    const { interpreterStack, scriptFrames } = sample;
    const native = [...userAddresses(sample)].map((address) => frameOf(cache, address, "native"));
    const user = scriptFrames.length === 0 ? native : addScriptFrames(native, scriptFrames);
    const whole = interpreterStack === undefined ? user : interleaveFrames(user, interpreterStack);
    return { frames: [...kernel, ...whole], reasons, count: kernel.length + native.length, cache, untilMs };
  }

  /** Each frame of the machine's stack has a name, or a reason why it has none. */
  #account({ count, reasons }: Stack): void {
    this.account.addIn(count);
    this.account.addOut(count - reasons.length);
    for (const reason of reasons) this.account.addConsumed(reason);
  }

  #receive(message: FromThread): void {
    switch (message.kind) {
      case "ready":
        this.#onReady();
        return;
      case "resolved":
        this.#settle(message.id, message);
        return;
      case "ask": {
        const { id, request } = message;
        this.#options.client.request(request).then(
          (value) => this.#say({ kind: "answer", id, value }),
          () => this.#say({ kind: "answer", id, value: undefined }),
        );
      }
    }
  }

  #settle(id: number, answer: Extract<FromThread, { kind: "resolved" }> | undefined): void {
    this.#pending.get(id)?.(answer);
    this.#pending.delete(id);
  }

  #say(message: ToThread): void {
    if (!this.#isGone) this.#thread.postMessage(message);
  }

  /** Samples go on without names. */
  #lose(reason: string): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#options.log.error("the symbol thread is gone, stacks have no names from now on", { reason });
    this.#onReady();
    for (const id of [...this.#pending.keys()]) this.#settle(id, undefined);
  }
}

function learn(
  cache: FrameCache | undefined,
  addresses: Iterable<bigint>,
  { frames, mappings }: ResolvedProcess,
  nowMs: number,
): void {
  let index = 0;
  for (const address of addresses) {
    const frame: ResolvedFrame | undefined = frames[index++];
    if (frame !== undefined) cache?.set(address, frame, mappings, nowMs);
  }
}

/** Equal for samples whose stacks have the same names. How long each part is comes first, so that no bytes can pass for another part. */
function stackKey(sample: StackSample): string {
  const { tgid, kernelStack, userStack, interruptedFrames, scriptFrames, interpreterStack } = sample;
  const scripts = scriptFrames.map(({ index, line }) => `${index} ${idOf(line)}`);
  const interpreted = interpreterStack?.frames.map(idOf);
  const head = [tgid, kernelStack.length, userStack.length, interruptedFrames, scripts, interpreted].join("\n");
  return `${head}\n${bytesText(kernelStack)}${bytesText(userStack)}`;
}

/** Lines are shared, so that each has a number. */
function idOf(line: object): number {
  let id = ids.get(line);
  if (id === undefined) {
    id = ++lastId;
    ids.set(line, id);
  }
  return id;
}

const ids = new WeakMap<object, number>();
let lastId = 0;

/** The quickest text that says the same. */
function bytesText({ buffer, byteOffset, byteLength }: BigUint64Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("latin1");
}

function* userAddresses(sample: StackSample): Generator<bigint> {
  for (let i = 0; i < sample.userStack.length; i++) yield lookupAddress(sample, i);
}

function* kernelAddresses({ kernelStack }: StackSample): Generator<bigint> {
  for (let i = 0; i < kernelStack.length; i++) yield i === 0 ? kernelStack[0]! : kernelStack[i]! - 1n;
}
