/**
 * Which process a tgid is now, and its resource. Facts are asked for at exec and at first sight, since many processes
 * live for milliseconds, and are kept for a while after the exit, since their last events come later.
 * Holds at most PROCESS_LIMIT processes; the one that is longest gone leaves first.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { ProcessFacts } from "../ipc/process-facts.ts";
import type { Attribute, Resource } from "../mapping/span.ts";
import { type HostFacts, type KnownFacts, processResource } from "./process-resource.ts";

const PROCESS_LIMIT = 32_768;
const KEPT_AFTER_EXIT_NS = 10e9;
const NS_PER_TICK = 1e7;

/** What the exec event says. */
export interface ExecFacts {
  readonly filename: string;
  readonly commandLine: readonly string[];
}

interface ProcessTableOptions {
  readonly host: HostFacts;
  /** null: the process is gone; a rejection: ask again later. */
  readonly askFacts: (tgid: number) => Promise<ProcessFacts | null>;
}

interface Entry {
  readonly tgid: number;
  parentTgid: number | undefined;
  startTimeNs: number | undefined;
  exec: ExecFacts | undefined;
  comm: string;
  facts: KnownFacts | undefined;
  resource: Resource | undefined;
  /** By an SDK (OTEP 4719). */
  published: readonly Attribute[];
  isAsked: boolean;
  /** undefined: it was not asked, or that failed. */
  question: Promise<void> | undefined;
  exitNs: number | undefined;
}

interface Foreseen {
  readonly timestampNs: number;
  readonly answer: Promise<ProcessFacts | null> | undefined;
}

export class ProcessTable {
  readonly #options: ProcessTableOptions;
  readonly #entries = new Map<number, Entry>();
  readonly #questions = new Set<Promise<void>>();
  /** Of programs whose beginning has not been read yet. */
  readonly #foreseen = new Map<number, Foreseen>();

  constructor(options: ProcessTableOptions) {
    this.#options = options;
  }

  /** undefined: the facts are not here yet. */
  resourceOf(tgid: number): Resource | undefined {
    return this.#entries.get(tgid)?.resource;
  }

  factsOf(tgid: number): KnownFacts | undefined {
    return this.#entries.get(tgid)?.facts;
  }

  /** Of what the process is by now, which may be more than what has been read of it. A rejection: ask again later. */
  async newestFacts(tgid: number): Promise<KnownFacts | undefined> {
    const ask = () => this.#options.askFacts(tgid);
    const foreseen = this.#foreseen.get(tgid);
    if (foreseen !== undefined) return (await (foreseen.answer ?? ask())) ?? undefined;
    const entry = this.#entries.get(tgid);
    await entry?.question;
    return entry?.facts ?? (await ask()) ?? undefined;
  }

  /** What is known now, be it only the thread's name: for a span that can't wait any longer. */
  fallbackResource(tgid: number, comm: string): Resource {
    const entry = this.#entries.get(tgid) ?? this.#add(tgid, comm);
    entry.resource ??= processResource(this.#guess(entry), this.#options.host);
    return entry.resource;
  }

  /** A process has an event: learn who it is. */
  seen(tgid: number, comm: () => string): void {
    const entry = this.#entries.get(tgid);
    if (entry === undefined) this.#ask(this.#add(tgid, comm()));
    else if (!entry.isAsked) this.#ask(entry);
  }

  /**
   * A program that began at this moment will be told of when all that came before it has been read.
   *
   * @param isExec a fork is not asked about
   */
  foreseen(tgid: number, timestampNs: number, isExec: boolean): void {
    const answer = isExec ? this.#options.askFacts(tgid) : undefined;
    answer?.catch(() => {});
    this.#foreseen.set(tgid, { timestampNs, answer });
  }

  /** The child is asked about when it does something: most forks are followed by an exec. */
  forked(tgid: number, parentTgid: number, startTimeNs: number, comm: string, timestampNs?: number): void {
    this.#takeForeseen(tgid, timestampNs);
    const entry = this.#add(tgid, comm);
    entry.parentTgid = parentTgid;
    entry.startTimeNs = startTimeNs;
  }

  executed(tgid: number, startTimeNs: number, comm: string, exec: ExecFacts | undefined, timestampNs?: number): void {
    const answer = this.#takeForeseen(tgid, timestampNs);
    const parentTgid = this.#entries.get(tgid)?.parentTgid;
    const entry = this.#add(tgid, comm);
    entry.parentTgid = parentTgid;
    entry.startTimeNs = startTimeNs;
    entry.exec = exec;
    this.#ask(entry, answer);
  }

  exited(tgid: number, timestampNs: number): void {
    const entry = this.#entries.get(tgid);
    if (entry !== undefined) entry.exitNs = timestampNs;
  }

  /** An SDK in the process has published its resource: what it says wins over what we have guessed. */
  described(tgid: number, attributes: readonly Attribute[]): void {
    const entry = this.#entries.get(tgid) ?? this.#add(tgid, "");
    entry.published = attributes;
    if (entry.facts !== undefined) entry.resource = processResource(entry.facts, this.#options.host, attributes);
  }

  /** When every question has its answer, at the latest after `limitMs`. */
  async settled(limitMs: number): Promise<void> {
    const limit = new AbortController();
    await Promise.race([
      Promise.all(this.#questions),
      sleep(limitMs, undefined, { signal: limit.signal }).catch(() => {}),
    ]);
    limit.abort();
  }

  advance(nowNs: number): void {
    for (const [tgid, { exitNs }] of this.#entries) {
      if (exitNs !== undefined && nowNs - exitNs > KEPT_AFTER_EXIT_NS) this.#entries.delete(tgid);
    }
  }

  #add(tgid: number, comm: string): Entry {
    const entry: Entry = {
      tgid,
      parentTgid: undefined,
      startTimeNs: undefined,
      exec: undefined,
      comm,
      facts: undefined,
      resource: undefined,
      published: [],
      isAsked: false,
      question: undefined,
      exitNs: undefined,
    };
    this.#entries.delete(tgid);
    if (this.#entries.size >= PROCESS_LIMIT) {
      const oldest = this.#entries.keys().next();
      if (oldest.done === false) this.#entries.delete(oldest.value);
    }
    this.#entries.set(tgid, entry);
    return entry;
  }

  #takeForeseen(tgid: number, timestampNs: number | undefined): Foreseen["answer"] {
    const foreseen = this.#foreseen.get(tgid);
    // It has become something else since: what was asked then is of that.
    if (foreseen === undefined || foreseen.timestampNs !== timestampNs) return undefined;
    this.#foreseen.delete(tgid);
    return foreseen.answer;
  }

  #ask(entry: Entry, answer = this.#options.askFacts(entry.tgid)): void {
    entry.isAsked = true;
    const question = answer.then(
      (facts) => this.#learn(entry, facts ?? undefined),
      () => {
        entry.isAsked = false;
        entry.question = undefined;
      },
    );
    entry.question = question;
    this.#questions.add(question);
    question.finally(() => this.#questions.delete(question));
  }

  #learn(entry: Entry, facts: ProcessFacts | undefined): void {
    // The number may have passed to another process since the question.
    const isSame = facts === undefined || entry.startTimeNs === undefined || isStartOf(facts, entry.startTimeNs);
    entry.facts = facts !== undefined && isSame ? facts : this.#guess(entry);
    entry.resource = processResource(entry.facts, this.#options.host, entry.published);
  }

  /** From the exec event, else from the parent: a fork that did not exec runs the parent's program. */
  #guess(entry: Entry): KnownFacts {
    const own = {
      tgid: entry.tgid,
      startTimeTicks: Math.floor((entry.startTimeNs ?? 0) / NS_PER_TICK),
      comm: entry.comm,
      environment: {},
    };
    const parent = entry.parentTgid === undefined ? undefined : this.#entries.get(entry.parentTgid)?.facts;
    const inherited = { cgroupPath: parent?.cgroupPath, containerName: parent?.containerName };
    if (entry.exec !== undefined) {
      const { filename, commandLine } = entry.exec;
      return { ...inherited, ...own, executablePath: filename, commandLine: [...commandLine] };
    }
    if (parent !== undefined) return { ...parent, ...own, environment: parent.environment };
    return { ...own, commandLine: [] };
  }
}

function isStartOf(facts: ProcessFacts, startTimeNs: number): boolean {
  return Math.abs(facts.startTimeTicks - Math.floor(startTimeNs / NS_PER_TICK)) <= 1;
}
