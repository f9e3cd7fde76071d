/** What the machine lets the kernel and end-to-end tiers do. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** Why BPF programs cannot be loaded here; undefined when they can. */
export function whyNoBpf(): string | undefined {
  if (process.getuid?.() !== 0) return "not root: run the tests as root to load BPF programs";
  if (!existsSync("/sys/kernel/btf/vmlinux")) return "this kernel has no BTF (/sys/kernel/btf/vmlinux)";
  const listed = spawnSync("bpftool", ["prog", "list"], { encoding: "utf8" });
  if (listed.error) return `bpftool does not run: ${listed.error.message}`;
  if (listed.status !== 0) return `the bpf system call is refused here: ${listed.stderr.trim()}`;
  return undefined;
}

/** Containers often come without them; the classic engine's tests and bpftool want them. Mounting may be refused. */
export function mountKernelFileSystems(): void {
  const mounts = readFileSync("/proc/mounts", "utf8");
  for (const [type, at] of [
    ["tracefs", "/sys/kernel/tracing"],
    ["bpf", "/sys/fs/bpf"],
  ] as const) {
    if (mounts.includes(` ${at} ${type} `) || !existsSync(at)) continue;
    const mounted = spawnSync("mount", ["-t", type, type, at], { encoding: "utf8" });
    if (mounted.status !== 0) process.stdout.write(`  ${type} can not be mounted: ${mounted.stderr.trim()}\n`);
  }
}
