/** The tiers of `npm test`, in order: what each runs, its time budget, and what it needs of the machine. */
import type { CommandStep, MochaStep } from "./steps.ts";

export interface Tier {
  readonly name: string;
  /** What it should take on 2 cores; it is killed at twice this. */
  readonly budgetSeconds: number;
  readonly needsKernel: boolean;
  readonly commands: readonly CommandStep[];
  readonly mocha?: MochaStep;
}

const OTHER_TIERS = /^(kernel|e2e|pack)\//;
const CONFORMANCE = /(^|[/.-])conformance\b/;

export const TIERS: readonly Tier[] = [
  {
    name: "check",
    budgetSeconds: 15,
    needsKernel: false,
    commands: [
      { title: "format, lint, layers", command: ["node_modules/.bin/biome", "check", "--colors=off", "."] },
      { title: "types", command: ["node_modules/.bin/tsc", "-p", "tsconfig.json", "--noEmit", "--pretty", "false"] },
    ],
  },
  {
    name: "unit",
    budgetSeconds: 150,
    needsKernel: false,
    commands: [],
    mocha: {
      includes: (path) => !OTHER_TIERS.test(path) && !CONFORMANCE.test(path),
      timeoutMs: 20_000,
      eachTest: false,
      processes: 2,
    },
  },
  {
    name: "conformance",
    budgetSeconds: 30,
    needsKernel: false,
    commands: [],
    mocha: { includes: (path) => CONFORMANCE.test(path), timeoutMs: 60_000, eachTest: false, processes: 2 },
  },
  {
    name: "build",
    budgetSeconds: 20,
    needsKernel: false,
    commands: [{ title: "the BPF objects are those that bpf/ gives", command: ["scripts/testing/compare-bpf"] }],
  },
  {
    name: "kernel",
    budgetSeconds: 150,
    needsKernel: true,
    commands: [],
    mocha: { includes: (path) => path.startsWith("kernel/"), timeoutMs: 60_000, eachTest: true, processes: 1 },
  },
  {
    name: "e2e",
    budgetSeconds: 400,
    needsKernel: true,
    commands: [],
    mocha: { includes: (path) => path.startsWith("e2e/"), timeoutMs: 60_000, eachTest: true, processes: 1 },
  },
  {
    name: "pack",
    budgetSeconds: 45,
    needsKernel: true,
    commands: [],
    mocha: { includes: (path) => path.startsWith("pack/"), timeoutMs: 120_000, eachTest: true, processes: 1 },
  },
  {
    name: "kernels",
    budgetSeconds: 90,
    needsKernel: false,
    commands: [{ title: "every program loads on Debian's 6.1 under qemu", command: ["scripts/kernels/run", "6.1"] }],
  },
];
