/** What capturing needs, looked at one by one, with what each lack costs. Nothing stays attached. */
import { existsSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { HookSet, kernelSymbols } from "../bpf/feature.ts";
import { libbpf } from "../bpf/libbpf.ts";
import { messageOf, SockspanError } from "../error.ts";
import { type SocketTraceConfig, socketTraceConfig } from "../ipc/socket-trace-config.ts";
import { Capture } from "./capture/capture.ts";
import { programsOf, UNIX_PROGRAMS } from "./capture/hook-programs.ts";
import { scopeConf } from "./capture/kernel-scope.ts";
import { NO_UNIX } from "./capture/unix-capture.ts";

export const Finding = { good: "good", limited: "limited", missing: "missing" } as const;
export type Finding = (typeof Finding)[keyof typeof Finding];

interface Check {
  readonly name: string;
  readonly finding: Finding;
  readonly detail: string;
  /** What it costs, or what to do. */
  readonly advice: string | undefined;
}

const UPROBE_SOURCE = "/sys/bus/event_source/devices/uprobe";
const BTF_PATH = "/sys/kernel/btf/vmlinux";

export function examine(objectPath: string): Check[] {
  const config = socketTraceConfig.decode({});
  return [
    check("kernel", () => release()),
    check("root", () => {
      if (process.getuid?.() === 0) return "yes";
      throw new Lack("no", "loading BPF programs needs root: start it with sudo");
    }),
    check("kernel types (BTF)", () => {
      if (existsSync(BTF_PATH)) return BTF_PATH;
      throw new Lack(`${BTF_PATH} is missing`, "nothing can be captured: a kernel with CONFIG_DEBUG_INFO_BTF=y");
    }),
    check("libbpf", () => {
      libbpf();
      return "libbpf.so.1";
    }),
    check("lockdown", () => {
      const mode = /\[(\w+)\]/.exec(readOr("/sys/kernel/security/lockdown", "[none]"))?.[1] ?? "none";
      if (mode === "confidentiality") throw new Lack(mode, "this mode forbids reading kernel memory by BPF");
      return mode;
    }),
    ...capture(objectPath, config),
    check("uprobes", () => {
      if (existsSync(UPROBE_SOURCE))
        return "there; a process whose runtime needs them is named below where it lacks them";
      throw new Limit(
        `${UPROBE_SOURCE} is missing`,
        "calls of tokio's clients, and of what asyncio's tasks and ThreadPoolExecutor's jobs make, have no parent: a kernel with CONFIG_UPROBE_EVENTS=y",
      );
    }),
    check("maps by the worker", () => {
      const value = readOr("/proc/sys/kernel/unprivileged_bpf_disabled", "0").trim();
      if (value === "0") return "allowed";
      throw new Limit(`kernel.unprivileged_bpf_disabled=${value}`, "the broker writes verdicts for the worker: slower");
    }),
    check("scope", () => {
      const { scope } = scopeConf(config.scope);
      if (scope === 0) return "the whole host";
      throw new Limit("the own pid namespace", "other containers are not seen: run it in the host's pid namespace");
    }),
    check("io_uring", () => {
      const value = readOr("/proc/sys/kernel/io_uring_disabled", "2").trim();
      if (value === "2") return "disabled here";
      throw new Limit("enabled", "what programs send through it is counted as lost where its bytes cannot be read");
    }),
  ];
}

/** Loads and attaches for a moment: only that tells whether a kernel takes the programs. */
function capture(objectPath: string, config: SocketTraceConfig): Check[] {
  const missing: Check[] = [];
  const tried = check("load and attach", () => {
    using loaded = Capture.load({ objectPath, config });
    const { probes, hookSet, missing: lacking } = loaded.attach();
    for (const { feature, cost } of lacking) {
      missing.push({ name: feature, finding: Finding.limited, detail: "missing", advice: cost });
    }
    const unix = lacking.includes(NO_UNIX) ? "" : ", AF_UNIX streams";
    return `${probes.length} programs, hook sets ${hookSet.sends} (sends) and ${hookSet.receives} (receives)${unix}`;
  });
  return [tried, ...missing];
}

interface AvailableProbe {
  readonly program: string;
  /** `sends a`, `always`. */
  readonly sets: string;
  readonly isAvailable: boolean;
}

/** By the kernel's types; only an attachment tells whether functions may be hooked. */
export function availableProbes(): AvailableProbe[] {
  using symbols = kernelSymbols();
  const found = new Map<string, { sets: string[]; isAvailable: boolean }>();
  for (const set of Object.values(HookSet)) {
    const forUnix = set === HookSet.c ? [] : UNIX_PROGRAMS[set];
    for (const program of new Set([...programsOf(set, set), ...forUnix])) {
      const [, kind, target = ""] = /^(trace|enter|exit)_(\w+)$/.exec(program) ?? [];
      const isAvailable = kind === "trace" ? symbols.hasTracepoint(target) : symbols.hasFunction(target);
      const entry = found.get(program) ?? { sets: [], isAvailable };
      entry.sets.push(set);
      found.set(program, entry);
    }
  }
  const all = Object.values(HookSet).length;
  return [...found].map(([program, { sets, isAvailable }]) => ({
    program,
    sets: sets.length === all ? "always" : sets.join(", "),
    isAvailable,
  }));
}

/** It works without, at a cost. */
class Limit extends Error {
  readonly advice: string;

  constructor(detail: string, advice: string) {
    super(detail);
    this.advice = advice;
  }
}

/** Nothing works without. */
class Lack extends Limit {}

function check(name: string, look: () => string): Check {
  try {
    return { name, finding: Finding.good, detail: look(), advice: undefined };
  } catch (error) {
    const finding = error instanceof Limit && !(error instanceof Lack) ? Finding.limited : Finding.missing;
    const advice = error instanceof Limit || error instanceof SockspanError ? error.advice : undefined;
    return { name, finding, detail: messageOf(error), advice };
  }
}

function readOr(path: string, fallback: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return fallback;
  }
}
