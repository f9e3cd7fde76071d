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
    budgetSeconds: 30,
    needsKernel: false,
    commands: [
      { title: "format, lint, layers", command: ["node_modules/.bin/biome", "check", "--colors=off", "."] },
      { title: "types", command: ["node_modules/.bin/tsc", "-p", "tsconfig.json", "--noEmit", "--pretty", "false"] },
    ],
  },
  {
    name: "unit",
    budgetSeconds: 120,
    needsKernel: false,
    commands: [],
    mocha: {
      includes: (path) => !OTHER_TIERS.test(path) && !CONFORMANCE.test(path),
      timeoutMs: 20_000,
      eachTest: false,
    },
  },
];
