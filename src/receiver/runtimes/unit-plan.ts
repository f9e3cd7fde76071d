/** How the BPF programs find a thread's unit of work at a system call: a short list of steps (bpf/control.h). */
import { type JavaLayout, type PoolSite, UnitKind } from "../../bpf/layout.gen.ts";
import type { UprobeProgram } from "../../ipc/messages.ts";
import type { ProcessView } from "./process-view.ts";

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
  /** goid, the caller behind net/http's client, and the cause of a call, by the plan's `go`. */
  | { readonly step: "go" }
  /** value = the downstream ngx_connection_t, through the epoll item of the socket. */
  | { readonly step: "nginx_connection"; readonly operand: number }
  /** value = where the kernel put argc when the program started + operand. */
  | { readonly step: "initial_stack"; readonly operand: number }
  /** Ends the walk on any thread but the process's first. */
  | { readonly step: "main_thread" }
  /** value = return address into the loop: at the operand it polls, near it it does something else. */
  | { readonly step: "to_phase"; readonly operand: number }
  /** Unit, its parent and the count of units, from Node's doubles at the operand. */
  | { readonly step: "node_ids"; readonly operand: number }
  /** Unit = the job of a pool's thread, whose data stack begins at value, and the end of the walk; else it goes on. */
  | { readonly step: "pool_job" }
  /** Unit = the greenlet that runs, by greenlet's state of the thread at value, but where `pool_job` finds one. Operand: its type. */
  | { readonly step: "greenlet"; readonly operand: number }
  /** Nothing to walk: where the queue of microtasks lies, for the uprobes of Node. */
  | { readonly step: "node_microtasks"; readonly operand: number }
  | { readonly step: "to_coroutine" }
  | { readonly step: "to_unit" }
  /** What the creation of the unit is told by. */
  | { readonly step: "to_parent" }
  | { readonly step: "to_turn" };

/** Where things lie in a Go program (struct go_layout in bpf/control.h). A start pc of 0: the program has no such function. */
export interface GoPlan {
  /** Of net/http's server connections. */
  readonly serveStartPc: number;
  /** Of the goroutines that write for net/http's client, and of those that read for it. */
  readonly writeLoopStartPc: number;
  readonly readLoopStartPc: number;
  /** Address of runtime.allgs; 0: unknown. */
  readonly allGoroutines: number;
  /** Address of runtime.allp; 0: unknown. */
  readonly allProcessors: number;
  /** Address of runtime.sched.goidgen; 0: unknown. */
  readonly goidCounter: number;
  /** Where the code of net/http lies that starts goroutines of its own; 0: not known. */
  readonly libraryStart: number;
  readonly libraryLength: number;
  /** Where the code of HTTP/2's servers lies: net/http's, and golang.org/x/net/http2's. */
  readonly http2Start: number;
  readonly http2Length: number;
  readonly xHttp2Start: number;
  readonly xHttp2Length: number;
  /** Of the goroutines that net/http's client, and golang.org/x/net/http2's, starts for calls over HTTP/2. */
  readonly http2CallStartPc: number;
  readonly xHttp2CallStartPc: number;
  /** Of the goroutines that grpc-go starts for streams. */
  readonly grpcStartPc: number;
  readonly waitGroupAdd: number;
  readonly waitGroupAddLength: number;
  readonly goid: number;
  readonly parentGoid: number;
  readonly startPc: number;
  readonly processor: number;
  readonly goidCache: number;
  readonly receiveQueue: number;
  readonly sudogChannel: number;
  readonly writeRequest: number;
  readonly connection: number;
  readonly requestContext: number;
  readonly currentRequest: number;
}

/** A program of bpf/socket_trace.bpf.c at a place of a file that the process has mapped. */
export interface UprobePlan {
  readonly program: UprobeProgram;
  /** The executable mapping that holds it. */
  readonly start: number;
  readonly end: number;
  /** Of an instruction's first byte, in the file. */
  readonly offset: number;
}

/** Where things lie in a CPython program, for its uprobes (struct python_layout in bpf/control.h). */
export interface PythonPlan {
  readonly workItemType: number;
  readonly functionType: number;
  readonly taskContext: number;
  readonly coroutineName: number;
  readonly functionHops: readonly number[];
  readonly siteHops: readonly number[];
  readonly putsOff: number;
  readonly clients: readonly PoolSite[];
}

/** Where things lie in a JVM that tell which thread has made what (struct java_layout in bpf/control.h). */
export type JavaPlan = Omit<JavaLayout, "learnNs" | "fruitless" | "mounts">;

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
  /** What holds for every process of the same executable, before it has been looked at. */
  readonly forAll?: UnitPlan;
  /** Loops of pools, for `pool_job`. */
  readonly pools?: readonly PoolSite[];
  /** To be asked when threads show that were not there: the plan with what they run. */
  readonly lookAgain?: () => Promise<UnitPlan>;
  /** The plan of a process that this one has forked, and that goes on with its program: all lies where it does here. */
  readonly forFork?: (process: ProcessView) => Promise<UnitPlan | undefined>;
  /** A look at the same threads at another time may bring more. */
  readonly isIncomplete?: boolean;
  /** Set: which thread wakes which tells more than the unit, or there is none. */
  readonly wakes?: LockRange | "all";
  /** Why there are no steps, where there are none. */
  readonly off?: string;
  /** What can't be read beside the unit, in words for a user. */
  readonly limit?: string;
  readonly go?: GoPlan;
  readonly uprobes?: readonly UprobePlan[];
  /** Read only where the uprobes are there. */
  readonly python?: PythonPlan;
  readonly java?: JavaPlan;
  /** Attached only while calls of the process need what they tell: from the start, */
  readonly streams?: readonly UprobePlan[];
  /** where it serves over HTTP/2, */
  readonly handlers?: readonly UprobePlan[];
  /** and where it serves. */
  readonly handovers?: readonly UprobePlan[];
  /** false: the process may still load what changes the plan. */
  readonly isFinal: boolean;
  /** What takes longer to find out, or to doubt: asked for when this plan is in force. */
  readonly refine?: () => Promise<UnitFinding>;
  /** The same, of less use, and so long that no other process is to wait for it. */
  readonly refineLater?: () => Promise<UnitFinding>;
}

/** The runtime is there, but its unit can't be read: the reason, in words for a user. */
interface UnitOff {
  readonly runtime: string;
  readonly off: string;
  /** Its work moves between threads all the same. */
  readonly wanders?: boolean;
  /** It is not up yet, as far as can be told, and will be in a moment. */
  readonly begins?: boolean;
}

export type UnitFinding = UnitPlan | UnitOff;

export function isPlan(finding: UnitFinding): finding is UnitPlan {
  return "steps" in finding;
}

/** The thread is the unit: what was said before is not so. */
export const NO_PLAN: UnitPlan = { runtime: "", version: "", unitKind: UnitKind.none, steps: [], isFinal: false };
