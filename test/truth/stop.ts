import type { ChildProcess } from "node:child_process";

const PATIENCE_MS = 5_000;

/** SIGTERM, and SIGKILL for who does not hear; resolves when the process has ended. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  await exited;
  clearTimeout(timer);
}
