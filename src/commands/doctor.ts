/** `doctor`: whether this host can be captured, and what each lack costs. */
import type { Command } from "commander";
import { examine, Finding } from "../broker/doctor.ts";
import { ExitCode } from "../service/exit-code.ts";
import { bpfFolder } from "../service/package-paths.ts";
import { table } from "../service/table.ts";

export function doctorCommand(command: Command): void {
  command.action(() => {
    const checks = examine(`${bpfFolder}socket_trace.bpf.o`);
    const rows = checks.map(({ name, finding, detail, advice = "" }) => [
      finding,
      name,
      detail.split("\n")[0] ?? "",
      advice,
    ]);
    process.stdout.write(table([["FINDING", "WHAT", "FOUND", "COST OR ADVICE"], ...rows]));
    process.exitCode = checks.some(({ finding }) => finding === Finding.missing) ? ExitCode.failed : ExitCode.fine;
  });
}
