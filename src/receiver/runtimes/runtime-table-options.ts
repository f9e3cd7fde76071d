import type { Log } from "../../log.ts";
import type { ProcessView } from "./process-view.ts";
import type { UnitPlan } from "./unit-plan.ts";

/** What the table of runtimes needs of others. */
export interface RuntimeTableOptions {
  /** Processes that are gone before it would be of use to know their runtime. A number that another one gets is taken out. */
  readonly leftOut?: Set<number>;
  /** undefined: the process is gone, or has no executable. */
  readonly view: (tgid: number) => Promise<ProcessView | undefined>;
  readonly write: (tgid: number, plan: UnitPlan) => Promise<unknown>;
  /** A process whose plan was written is gone, or runs something else. */
  readonly over?: (tgid: number) => void;
  readonly log: Log;
}
