/** `doctor`: whether this host can be captured, and what each lack costs. */
import type { Command } from "commander";
import { examine, Finding } from "../broker/doctor.ts";
import { listProcesses, readProcess } from "../broker/reader/process-reads.ts";
import { escapeText } from "../escape.ts";
import { ExitCode } from "../service/command-line/exit-code.ts";
import { localRuntimes } from "../service/command-line/local-runtimes.ts";
import { table } from "../service/command-line/table.ts";
import { bpfFolder } from "../service/package-paths.ts";

export function doctorCommand(command: Command): void {
  command.action(async () => {
    const checks = examine(`${bpfFolder}socket_trace.bpf.o`);
    const rows = checks.map(({ name, finding, detail, advice = "" }) => [
      finding,
      name,
      detail.split("\n")[0] ?? "",
      advice,
    ]);
    process.stdout.write(table([["FINDING", "WHAT", "FOUND", "COST OR ADVICE"], ...rows]));
    process.stdout.write(await runtimes());
    process.exitCode = checks.some(({ finding }) => finding === Finding.missing) ? ExitCode.failed : ExitCode.fine;
  });
}

function unitText(off: string | undefined, limit: string | undefined): string {
  if (off !== undefined) return `the thread is the unit of work: ${escapeText(off)}`;
  return limit === undefined ? "its unit of work is read" : `its unit of work is read; ${escapeText(limit)}`;
}

/** Where a runtime is not read, the thread is the unit of work, and less can be joined. */
async function runtimes(): Promise<string> {
  const found = await localRuntimes(listProcesses(), readProcess);
  if (found.length === 0) return "";
  const rows = found.map(({ tgid, comm, runtime, off, limit }) => [
    off === undefined && limit === undefined ? Finding.good : Finding.limited,
    `${tgid} ${escapeText(comm)}`,
    escapeText(runtime),
    unitText(off, limit),
  ]);
  return `\n${table([["FINDING", "PROCESS", "RUNTIME", "UNIT OF WORK"], ...rows])}`;
}
