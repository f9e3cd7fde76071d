/** Runs the tiers that the arguments name (all without any) and prints the sum; exit code 1 if anything failed. */
import { mountKernelFileSystems, whyNoBpf } from "./machine.ts";
import { combine, failed, type Outcome, summaryLine } from "./outcome.ts";
import { runCommand, runMocha } from "./steps.ts";
import { TIERS, type Tier } from "./tiers.ts";

const names = process.argv.slice(2);
const unknown = names.filter((name) => !TIERS.some((tier) => tier.name === name));
if (unknown.length > 0) {
  print(`no such tier: ${unknown.join(", ")}; there are ${TIERS.map((tier) => tier.name).join(", ")}`);
  process.exit(2);
}

const noBpf = whyNoBpf();
if (noBpf === undefined) mountKernelFileSystems();
const outcomes: Outcome[] = [];
const table: string[] = [];
for (const tier of TIERS.filter((candidate) => names.length === 0 || names.includes(candidate.name))) {
  print(`${tier.name} (budget ${tier.budgetSeconds} s)`);
  const startMs = performance.now();
  const outcome = await runTier(tier);
  const seconds = (performance.now() - startMs) / 1000;
  const late = seconds > tier.budgetSeconds ? "  OVER BUDGET" : "";
  table.push(
    `  ${tier.name.padEnd(12)} ${seconds.toFixed(1).padStart(6)} s of ${String(tier.budgetSeconds).padStart(3)} s   ${summaryLine(outcome)}${late}`,
  );
  outcomes.push(outcome);
}

const all = combine(outcomes);
print(`\ntiers\n${table.join("\n")}`);
if (all.failures.length > 0) print(`\nfailed\n${all.failures.map(({ title }) => `  ${title}`).join("\n")}`);
if (all.skips.length > 0)
  print(`\nskipped\n${all.skips.map(({ title, reason }) => `  ${title}: ${reason}`).join("\n")}`);
print(`\n${summaryLine(all)}`);
process.exit(all.failures.length > 0 ? 1 : 0);

async function runTier(tier: Tier): Promise<Outcome> {
  const signal = AbortSignal.timeout(tier.budgetSeconds * 2000);
  const results: Outcome[] = [];
  for (const step of tier.commands) results.push(await runCommand(step, signal));
  if (tier.mocha) results.push(await runMocha(tier.mocha, signal, tier.needsKernel ? noBpf : undefined));
  const outcome = combine(results);
  const ran = outcome.passed + outcome.failures.length + outcome.skips.length;
  return ran > 0 ? outcome : failed(tier.name, "a tier that runs no test proves nothing");
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
