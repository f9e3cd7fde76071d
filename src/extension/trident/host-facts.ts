/** Interfaces and processes of this host, for GenesisSync. Command lines stay here: they may hold secrets. */
import { readdirSync, readFileSync } from "node:fs";
import { networkInterfaces, uptime } from "node:os";
import type { GenesisFacts } from "./messages.ts";

const MAX_PROCESSES = 2000;
/** Clock ticks per second in /proc: USER_HZ, 100 on all that Linux runs on. */
const USER_HZ = 100;

export function readHostFacts(withProcesses: boolean): NonNullable<GenesisFacts["data"]> {
  const interfaces = Object.entries(networkInterfaces())
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, addresses = []], index) => ({
      name,
      mac: BigInt(`0x${(addresses[0]?.mac ?? "0").replaceAll(":", "")}`),
      ips: addresses.map(({ cidr, address }) => cidr ?? address),
      index: index + 1,
    }));
  return { interfaces, processes: withProcesses ? readProcesses() : [] };
}

function readProcesses(): { pid: number; name: string; startTimeS: number }[] {
  const bootS = Date.now() / 1000 - uptime();
  const processes: { pid: number; name: string; startTimeS: number }[] = [];
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry) || processes.length >= MAX_PROCESSES) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, "latin1");
      const close = stat.lastIndexOf(")");
      const fields = stat.slice(close + 2).split(" ");
      // Kernel threads are children of kthreadd.
      if (fields[1] === "2" || entry === "2") continue;
      const startTimeS = Math.floor(bootS + Number(fields[19]) / USER_HZ);
      processes.push({ pid: Number(entry), name: stat.slice(stat.indexOf("(") + 1, close), startTimeS });
    } catch {
      // It has ended meanwhile.
    }
  }
  return processes;
}
