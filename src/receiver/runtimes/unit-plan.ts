/** How the BPF programs find a thread's unit of work at a system call: a short list of steps (bpf/control.h). */
import type { PoolSite, UnitKind } from "../../bpf/layout.gen.ts";

/** Names of enum unit_step_kind; the loader maps them to numbers. */
export type UnitStep =
  | { readonly step: "thread_pointer"; readonly operand: number }
  | { readonly step: "register_g"; readonly operand: number }
  | { readonly step: "absolute"; readonly operand: number }
  /** value = *(u64 *)value + operand; a failed read ends the walk with id 0. */
  | { readonly step: "load"; readonly operand: number }
  | { readonly step: "add"; readonly operand: number }
  /** value = *(u64 *)value where that is not 0, at most four times: to the root of a list. */
  | { readonly step: "follow"; readonly operand: number }
  /** value = g of the goroutine that waits for this writeLoop's answer; ends the walk where the channel does not prove it. */
  | { readonly step: "go_caller"; readonly operand: number }
  /** value = the downstream ngx_connection_t, through the epoll item of the socket. */
  | { readonly step: "nginx_connection"; readonly operand: number }
  /** Ends the walk on any thread but the process's first. */
  | { readonly step: "main_thread" }
  /** value = return address into the loop: at the operand it polls, near it it does something else. */
  | { readonly step: "to_phase"; readonly operand: number }
  /** Unit, its parent and the count of units, from Node's doubles at the operand. */
  | { readonly step: "node_ids"; readonly operand: number }
  /** Unit = the job of a pool's thread, whose data stack begins at value, and the end of the walk; else it goes on. */
  | { readonly step: "pool_job" }
  | { readonly step: "to_coroutine" }
  | { readonly step: "to_unit" }
  | { readonly step: "to_turn" };

/** Operand of `go_caller`: three distances of 16 bits each. */
export function goCallerOperand(writeRequestDistance: number, receiveQueue: number, sudogChannel: number): number {
  return writeRequestDistance + receiveQueue * 0x1_0000 + sudogChannel * 0x1_0000_0000;
}

/** Futexes in this range order the runtime's own threads. */
export interface LockRange {
  readonly address: number;
  readonly lengthBytes: number;
}

export interface UnitPlan {
  readonly runtime: string;
  /** Version or build as the process tells it. */
  readonly version: string;
  readonly unitKind: UnitKind;
  readonly steps: readonly UnitStep[];
  /** Loops of pools, for `pool_job`. */
  readonly pools?: readonly PoolSite[];
  /** To be asked when threads show that were not there: the plan with what they run. */
  readonly lookAgain?: () => Promise<UnitPlan>;
  /** A look at the same threads at another time may bring more. */
  readonly isIncomplete?: boolean;
  /** Set: which thread wakes which tells more than the unit, or there is none. */
  readonly wakes?: LockRange | "all";
  /** Why there are no steps, where there are none. */
  readonly off?: string;
  /** false: the process may still load what changes the plan. */
  readonly isFinal: boolean;
}

/** The runtime is there, but its unit can't be read: the reason, in words for a user. */
export interface UnitOff {
  readonly runtime: string;
  readonly off: string;
}

export type UnitFinding = UnitPlan | UnitOff;

export function isPlan(finding: UnitFinding): finding is UnitPlan {
  return "steps" in finding;
}
