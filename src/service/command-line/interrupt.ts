/** Of a command that shows until it is interrupted, this is the usual end and no failure. */
import { ExitCode } from "./exit-code.ts";

export function endAtInterrupt(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(ExitCode.fine));
}
