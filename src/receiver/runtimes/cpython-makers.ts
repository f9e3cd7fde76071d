/**
 * Who makes the tasks of asyncio and the jobs of ThreadPoolExecutor in CPython: nothing leads from them to their maker, so
 * uprobes see them made (bpf/unit/python.bpf.h). Tasks by the type's tp_init, jobs when `submit` puts them into the pool's queue.
 * Of other libraries: cpython-contexts.ts, cpython-clients.ts.
 */
import type { PoolSite } from "../../bpf/layout.gen.ts";
import type { CodePlace } from "./code-place.ts";
import { type ContextPlan, NO_CONTEXTS } from "./cpython-contexts.ts";
import type { Offsets } from "./cpython-layout.ts";
import type { WorkItems } from "./cpython-pools.ts";
import { findTypeFunction, type WantedFunction } from "./cpython-types.ts";
import type { Image } from "./images.ts";
import type { ProcessView } from "./process-view.ts";
import type { PythonPlan, UprobePlan } from "./unit-plan.ts";

const TASK_INIT: WantedFunction = { type: "_asyncio.Task", module: "_asyncio" };
const QUEUE_PUT: WantedFunction = { type: "_queue.SimpleQueue", method: "put", module: "_queue" };
const ASYNCIO = /\/_asyncio\.[^/]*so$/;
const NO_WORK_ITEMS: WorkItems = { type: 0, functionType: 0, functionHops: [] };

/** What is loaded of them. */
interface Libraries {
  readonly contexts: ContextPlan | undefined;
  readonly clients: readonly PoolSite[];
}

type FindLibraries = (process: ProcessView, known: Libraries) => Promise<Libraries>;

const NO_LIBRARIES: Libraries = { contexts: undefined, clients: [] };

export class PythonMakers {
  readonly process: ProcessView;
  readonly offsets: Offsets;
  readonly #image: Image;
  #task: CodePlace | undefined;
  #put: CodePlace | undefined;
  #libraries: Libraries = NO_LIBRARIES;
  #limit: string | undefined;
  readonly #findLibraries: FindLibraries;
  readonly #readsJobs: boolean;

  /**
   * @param readsJobs the jobs of pools are units
   * @param findLibraries whose units have makers of another kind
   */
  constructor(process: ProcessView, image: Image, offsets: Offsets, readsJobs: boolean, findLibraries: FindLibraries) {
    this.process = process;
    this.#findLibraries = findLibraries;
    this.#readsJobs = readsJobs;
    this.#image = image;
    this.offsets = offsets;
  }

  /** The same of a process that was forked from this one. */
  forFork(process: ProcessView, image: Image): PythonMakers {
    const makers = new PythonMakers(process, image, this.offsets, this.#readsJobs, this.#findLibraries);
    makers.#libraries = this.#libraries;
    makers.#task = this.#task;
    makers.#put = this.#put;
    return makers;
  }

  get hasAll(): boolean {
    const { contexts, clients } = this.#libraries;
    return this.#task !== undefined && this.hasPut && contexts !== undefined && clients.length > 0;
  }

  get hasPut(): boolean {
    return this.#put !== undefined;
  }

  /** Modules are loaded when they are first used, so a search that found nothing may later. */
  async find(): Promise<void> {
    const process = this.process.again();
    this.#task ??= await findTypeFunction(process, this.#image, TASK_INIT);
    if (this.#readsJobs) this.#put ??= await findTypeFunction(process, this.#image, QUEUE_PUT);
    this.#libraries = await this.#findLibraries(process, this.#libraries);
    const isThere = (await process.mappings()).some(({ path }) => ASYNCIO.test(path));
    this.#limit = isThere && this.#task === undefined ? "who makes its tasks is not seen: no _asyncio.Task" : undefined;
  }

  /** First of all: whose makers are not seen have no parent later. */
  async findTask(): Promise<void> {
    this.#task ??= await findTypeFunction(this.process.again(), this.#image, TASK_INIT);
  }

  async findPut(): Promise<void> {
    this.#put ??= await findTypeFunction(this.process.again(), this.#image, QUEUE_PUT);
  }

  /** What was looked for and not found, in words for a user. */
  get limit(): string | undefined {
    return this.#limit;
  }

  /** What was found, as parts of a plan. */
  watched(workItems: WorkItems | undefined): { uprobes: readonly UprobePlan[]; python: PythonPlan } | undefined {
    const uprobes: UprobePlan[] = [];
    if (this.#task !== undefined) uprobes.push({ program: "python_task", ...this.#task });
    if (this.#put !== undefined) uprobes.push({ program: "python_submit", ...this.#put });
    const { contexts = NO_CONTEXTS, clients } = this.#libraries;
    uprobes.push(...contexts.uprobes);
    if (uprobes.length === 0) return undefined;
    const { taskContext, coroutineName } = this.offsets;
    const { type: workItemType, functionType, functionHops } = workItems ?? NO_WORK_ITEMS;
    const tasks = { taskContext, coroutineName, clients };
    return { uprobes, python: { workItemType, functionType, functionHops, ...tasks, ...contexts.layout } };
  }
}
