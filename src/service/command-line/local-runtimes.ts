/** Which runtimes the processes of this host run, and how their units of work are read: what `doctor` shows. */
import { readFileSync, readlinkSync } from "node:fs";
import type { ProcessRead, Replies } from "../../ipc/messages.ts";
import { brokerProcess } from "../../receiver/runtimes/broker-process.ts";
import { findRuntime } from "../../receiver/runtimes/find-runtime.ts";
import { isPlan } from "../../receiver/runtimes/unit-plan.ts";

interface LocalRuntime {
  readonly tgid: number;
  readonly comm: string;
  /** `node`, `go go1.22.5`. */
  readonly runtime: string;
  /** Why the thread is the unit there; undefined: the runtime's own unit is read. */
  readonly off: string | undefined;
  /** What can't be read beside the unit. */
  readonly limit: string | undefined;
}

/** Reads a process as the broker does. */
type ReadProcess = (read: ProcessRead) => Replies[ProcessRead["type"]];

/** Processes that run a runtime that we know. One that can't be looked at is left out. */
export async function localRuntimes(tgids: readonly number[], read: ReadProcess): Promise<LocalRuntime[]> {
  const found: LocalRuntime[] = [];
  const client = { request: async (request: unknown) => read(request as ProcessRead) } as Parameters<
    typeof brokerProcess
  >[0];
  for (const tgid of tgids) {
    try {
      const first = await findRuntime(brokerProcess(client, tgid, readlinkSync(`/proc/${tgid}/exe`)));
      if (first === undefined) continue;
      const finding = isPlan(first) && first.refine !== undefined ? await first.refine() : first;
      const version = isPlan(finding) ? finding.version : "";
      found.push({
        tgid,
        comm: readFileSync(`/proc/${tgid}/comm`, "utf8").trim(),
        runtime: version === "" ? finding.runtime : `${finding.runtime} ${version}`,
        off: isPlan(finding) ? undefined : finding.off,
        limit: isPlan(finding) ? finding.limit : undefined,
      });
    } catch {
      // It is gone, or a kernel thread, or another user's.
    }
  }
  return found;
}
