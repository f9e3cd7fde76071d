/**
 * What this kernel offers, from its BTF: each probe is asked once. Says which hook set sends and receives get, and
 * for what is missing, what that costs.
 */
import { NoBtfError, UnsupportedFeatureError } from "./error.ts";
import { libbpf, type Pointer } from "./libbpf.ts";

export const HookSet = { a: "a", b: "b", c: "c" } as const;
export type HookSet = (typeof HookSet)[keyof typeof HookSet];

const Traffic = { sends: "sends", receives: "receives" } as const;
type Traffic = (typeof Traffic)[keyof typeof Traffic];

/** include/uapi/linux/btf.h */
const KIND_TYPEDEF = 8;
const KIND_FUNC = 12;

/** What the running kernel declares. A seam: tests give their own. */
export interface KernelSymbols {
  hasTracepoint(name: string): boolean;
  hasFunction(name: string): boolean;
}

/** @throws NoBtfError */
export function kernelSymbols(): KernelSymbols & Disposable {
  const library = libbpf();
  const btf: Pointer | null = library.loadVmlinuxBtf();
  if (btf === null) throw new NoBtfError();
  const has = (name: string, kind: number) => library.btfFindByNameKind(btf, name, kind) > 0;
  return {
    // A BTF-typed raw tracepoint T has the typedef btf_trace_T (include/trace/bpf_probe.h).
    hasTracepoint: (name) => has(`btf_trace_${name}`, KIND_TYPEDEF),
    hasFunction: (name) => has(name, KIND_FUNC),
    [Symbol.dispose]: () => library.btfFree(btf),
  };
}

interface Requirement {
  readonly kind: "tracepoint" | "function";
  readonly name: string;
  /** Of the first release that has it. */
  readonly minimumKernel: string;
}

const REQUIREMENTS: Record<Traffic, Record<HookSet, readonly Requirement[]>> = {
  sends: {
    a: [
      { kind: "tracepoint", name: "tcp_sendmsg_locked", minimumKernel: "6.16" },
      { kind: "tracepoint", name: "sock_send_length", minimumKernel: "6.3" },
    ],
    b: [{ kind: "function", name: "tcp_sendmsg_locked", minimumKernel: "5.15" }],
    c: [{ kind: "tracepoint", name: "sys_enter", minimumKernel: "5.5" }],
  },
  receives: {
    a: [{ kind: "tracepoint", name: "sock_recv_length", minimumKernel: "6.3" }],
    b: [{ kind: "function", name: "tcp_recvmsg", minimumKernel: "5.15" }],
    c: [{ kind: "tracepoint", name: "sys_exit", minimumKernel: "5.5" }],
  },
};

/** What one does without when only the next set is there. */
const COST: Record<HookSet, string> = {
  a: "socket-layer tracepoints",
  b: "calls pay a trampoline, 5.15 or later",
  c: "every system call of the host pays for the tracepoint, socket or not",
};

export interface MissingFeature {
  readonly feature: string;
  readonly cost: string;
}

interface HookChoice {
  /** Best first; the loader takes the first that attaches (a function in BTF may still refuse fentry). */
  readonly candidates: readonly HookSet[];
  readonly missing: readonly MissingFeature[];
}

/** @throws UnsupportedFeatureError when the forced set, or every set, is missing */
export function chooseHookSet(symbols: KernelSymbols, traffic: Traffic, forced: HookSet | "auto"): HookChoice {
  const sets = forced === "auto" ? Object.values(HookSet) : [forced];
  const candidates: HookSet[] = [];
  const missing: MissingFeature[] = [];
  for (const set of sets) {
    const lacking = REQUIREMENTS[traffic][set].filter((requirement) => !isThere(symbols, requirement));
    if (lacking.length === 0) candidates.push(set);
    for (const { kind, name, minimumKernel } of lacking) {
      missing.push({
        feature: `${kind} ${name} (Linux ${minimumKernel}+)`,
        cost: `hook set ${set} for ${traffic} is out: ${COST[nextSet(set)]}`,
      });
    }
  }
  const first = missing[0];
  if (candidates.length === 0 && first !== undefined) throw new UnsupportedFeatureError(first.feature, first.cost);
  return { candidates, missing };
}

function nextSet(set: HookSet): HookSet {
  return set === HookSet.a ? HookSet.b : HookSet.c;
}

function isThere(symbols: KernelSymbols, requirement: Requirement): boolean {
  return requirement.kind === "tracepoint"
    ? symbols.hasTracepoint(requirement.name)
    : symbols.hasFunction(requirement.name);
}
