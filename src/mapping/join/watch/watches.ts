/** Says what is to be watched of a process, by what its requests and calls show. */
import type { HandoverEvent, UnitEdgeEvent } from "../../../bpf/layout.gen.ts";
import type { ProcessWork } from "../process-work.ts";
import type { TraceNode } from "../trace-node.ts";
import { noteHandover } from "./handover-watch.ts";
import type { Watch, Watched } from "./watch.ts";

export class Watches {
  readonly #watch: Watch | undefined;

  constructor(watch: Watch | undefined) {
    this.#watch = watch;
  }

  /** A request was read. */
  served(work: ProcessWork, { start, unit }: TraceNode): void {
    this.#tell(work, "jobs", work.handoverWatch.served(unit!.kind) ?? work.mountWatch.served(unit!.kind));
    this.#tell(work, "streams", work.streamCalls.watch.served(unit!.kind));
    this.#tell(work, "handovers", work.resumedWatch.served(start));
  }

  /** The process calls while it serves. */
  called(work: ProcessWork, { start, unit }: TraceNode): void {
    this.#tell(work, "jobs", work.handoverWatch.called(unit!.kind) ?? work.mountWatch.takeDue());
    this.#tell(work, "handovers", work.resumedWatch.called(start));
  }

  /** A goroutine that has read nothing calls. */
  ofGoroutine(work: ProcessWork, call: TraceNode, isIdle: boolean): void {
    this.#tell(work, "streams", work.streamCalls.watch.called(call));
    this.#tell(work, "handlers", work.handlerWatch.strayed(call, work.connections));
    if (!isIdle) this.#tell(work, "jobs", work.handoverWatch.strayed(call, work.handovers));
  }

  /** What is at hand has said nothing of a call. */
  strayed(work: ProcessWork, call: TraceNode): void {
    this.#tell(work, "handovers", work.resumedWatch.strayed(call, work.resumed));
  }

  /** Nobody is left who could claim some calls. */
  orphaned(work: ProcessWork): void {
    this.#tell(work, "wakes", work.wakeWatch.seen(work.undecided.strays, work.wakes?.joined ?? 0));
  }

  edge(work: ProcessWork, event: UnitEdgeEvent): void {
    this.#tell(work, "handovers", work.resumedWatch.told(event));
    this.#tell(work, "jobs", work.mountWatch.takeDue());
  }

  handover(work: ProcessWork, event: HandoverEvent, order: number): void {
    this.#tell(work, "jobs", noteHandover(work, event, order));
  }

  #tell({ tgid }: ProcessWork, what: Watched, isOn: boolean | undefined): void {
    if (isOn !== undefined) this.#watch?.(tgid, what, isOn);
  }
}
