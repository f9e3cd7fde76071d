/** What the receivers of one host know of its processes: who each is, and how its unit of work is read. Shared, so that spans and profiles of a process have the same resource. */
import type { BrokerClient } from "../ipc/broker-client.ts";
import type { Log } from "../log.ts";
import type { HostFacts } from "./process-resource.ts";
import { ProcessTable } from "./process-table.ts";
import { brokerProcess } from "./runtimes/broker-process.ts";
import { KnownFiles } from "./runtimes/known-files.ts";
import { processPlan } from "./runtimes/process-plan.ts";
import { RuntimeTable } from "./runtimes/runtime-table.ts";
import type { UnitPlan } from "./runtimes/unit-plan.ts";

export interface HostProcesses {
  readonly table: ProcessTable;
  readonly runtimes: RuntimeTable;
}

/** @param leftOut the self-test's processes: nobody looks for their runtime */
export function createHostProcesses(
  client: BrokerClient,
  host: HostFacts,
  log: Log,
  leftOut: readonly number[] = [],
): HostProcesses {
  const table = new ProcessTable({ host, askFacts: (tgid) => client.request({ type: "process_facts", tgid }) });
  const files = new KnownFiles();
  /** Processes that have the uprobes of their plan. */
  const probed = new Set<number>();
  /** JVMs whose uprobes tell which virtual threads are mounted: a number for each time that they were attached. */
  const mounted = new Map<number, number>();
  const lastWrites = new Map<number, number>();
  let writes = 0;
  const runtimes = new RuntimeTable({
    leftOut: new Set(leftOut),
    view: async (tgid) => {
      const facts = await table.newestFacts(tgid);
      return facts?.executablePath === undefined ? undefined : brokerProcess(client, tgid, facts.executablePath, files);
    },
    write: async (tgid, plan) => {
      const had = plan.uprobes !== undefined && probed.has(tgid);
      const tells = tellsMounts(plan);
      const turn = ++writes;
      if (plan.java !== undefined) lastWrites.set(tgid, turn);
      if (!tells) mounted.delete(tgid);
      const mounts = had && tells ? (mounted.get(tgid) ?? 0) : 0;
      await client.request({ type: "unit_steps", tgid, ...processPlan(plan, had, mounts) });
      // None: those that it had are taken off.
      const probes = plan.uprobes;
      if (probes === undefined) return;
      try {
        await client.request({ type: "attach_uprobes", tgid, probes: [...probes] });
        probed.add(tgid);
      } catch (error) {
        // Where they are switched off or can't be had, other evidence joins.
        probed.delete(tgid);
        log.debug("no uprobes", { tgid, error: String(error) });
      }
      const has = probed.has(tgid);
      // Another plan is being written, which may take them off: that one tells whether they are there.
      if (plan.java !== undefined && lastWrites.get(tgid) !== turn) return;
      if (!has) mounted.delete(tgid);
      else if (tells && mounts === 0) mounted.set(tgid, turn);
      // What only uprobes bring is looked for where they are.
      if ((plan.python !== undefined && had !== has) || mounts !== (mounted.get(tgid) ?? 0))
        await client.request({ type: "unit_steps", tgid, ...processPlan(plan, has, mounted.get(tgid)) });
    },
    over: (tgid) => {
      probed.delete(tgid);
      mounted.delete(tgid);
      lastWrites.delete(tgid);
      client.request({ type: "plan_over", tgid }).catch(() => {});
    },
    log,
  });
  return { table, runtimes };
}

function tellsMounts({ java, uprobes }: UnitPlan): boolean {
  return java !== undefined && uprobes?.some(({ program }) => program === "java_thaw") === true;
}
