/** What the receivers of one host know of its processes: who each is, and how its unit of work is read. Shared, so that spans and profiles of a process have the same resource. */
import type { BrokerClient } from "../ipc/broker-client.ts";
import type { Log } from "../log.ts";
import type { HostFacts } from "./process-resource.ts";
import { ProcessTable } from "./process-table.ts";
import { brokerProcess } from "./runtimes/broker-process.ts";
import { processPlan } from "./runtimes/process-plan.ts";
import { RuntimeTable } from "./runtimes/runtime-table.ts";

export interface HostProcesses {
  readonly table: ProcessTable;
  readonly runtimes: RuntimeTable;
}

export function createHostProcesses(client: BrokerClient, host: HostFacts, log: Log): HostProcesses {
  const table = new ProcessTable({ host, askFacts: (tgid) => client.request({ type: "process_facts", tgid }) });
  const runtimes = new RuntimeTable({
    view: async (tgid) => {
      // The table has asked at exec and at first sight; only processes that have done nothing yet are asked about here.
      const facts = table.factsOf(tgid) ?? (await client.request({ type: "process_facts", tgid }));
      return facts?.executablePath === undefined ? undefined : brokerProcess(client, tgid, facts.executablePath);
    },
    write: async (tgid, plan) => {
      await client.request({ type: "unit_steps", tgid, ...processPlan(plan) });
      if (plan.uprobes === undefined) return;
      const { start, end, probes } = plan.uprobes;
      // Where they are switched off or can't be had, other evidence joins.
      await client
        .request({ type: "attach_uprobes", tgid, start, end, probes: [...probes] })
        .catch((error: unknown) => log.debug("no uprobes", { tgid, error: String(error) }));
    },
    over: (tgid) => void client.request({ type: "plan_over", tgid }).catch(() => {}),
    log,
  });
  return { table, runtimes };
}
