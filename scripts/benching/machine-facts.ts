/** What a figure is worth nothing without. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";

export interface MachineFacts {
  readonly date: string;
  readonly commit: string;
  readonly kernel: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMiB: number;
  readonly node: string;
  /** Load of the minute before: another program beside the bench makes its figures worthless. */
  readonly loadBefore: number;
}

export function machineFacts(): MachineFacts {
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    kernel: release(),
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    node: process.version,
    loadBefore: Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0]),
  };
}

function commit(): string {
  try {
    const isDirty = execFileSync("git", ["status", "--porcelain", "-uno"], { encoding: "utf8" }) !== "";
    const head = execFileSync("git", ["rev-parse", "--short=12", "HEAD"], { encoding: "utf8" }).trim();
    return isDirty ? `${head}+changes` : head;
  } catch {
    return "unknown";
  }
}
