/** Profiles as PROFILE rows: each stack of a thread once, folded, with the microseconds that it stands for. */

import type { Frame, Profile, ProfileSample } from "../../profile.ts";
import { frameLabels } from "../../profiles/frame-label.ts";
import type { AttributeValue } from "../../span.ts";
import { ProfileEvent, type ProfileRow } from "./profile-row.ts";

const NS_PER_US = 1000;
const NS_PER_S = 1_000_000_000;

export function profileToRows({ type, resource, periodNano, samples }: Profile): ProfileRow[] {
  const facts = new Map<string, AttributeValue>(resource.attributes);
  const processName = text(facts.get("process.executable.name")) || text(facts.get("service.name"));
  const common = {
    event: type === "cpu" ? ProfileEvent.onCpu : ProfileEvent.offCpu,
    processStartNs: timeNs(facts.get("process.creation.time")),
    processId: number(facts.get("process.pid")),
    processName,
    sampleRateHz: type === "cpu" ? Math.round(NS_PER_S / periodNano) : 0,
  };
  const rows = new Map<string, { -readonly [Key in keyof ProfileRow]: ProfileRow[Key] }>();
  for (const sample of samples) {
    const { threadId, threadName, cpu } = threadOf(sample);
    const stack = [`[p] ${clean(processName)}`, ...folded(sample.stack)].join(";");
    const count = Math.round((type === "cpu" ? periodNano : sample.value) / NS_PER_US);
    const key = `${threadId} ${cpu} ${stack}`;
    const row = rows.get(key);
    if (row === undefined) {
      rows.set(key, { ...common, stack, timestampNs: sample.timeUnixNano, threadId, threadName, cpu, count });
    } else {
      row.count += count;
      if (sample.timeUnixNano < row.timestampNs) row.timestampNs = sample.timeUnixNano;
    }
  }
  return [...rows.values()];
}

/** From the root; an inlined function behind the one that it is in. */
function folded(stack: readonly Frame[]): string[] {
  const names: string[] = [];
  for (const frame of stack) {
    const mark = frame.type === "kernel" ? "[k] " : "";
    for (const { name } of frameLabels(frame)) names.push(mark + clean(name));
  }
  return names.reverse();
}

/** The separator of a folded stack can't be in a name. */
function clean(name: string): string {
  return name.replaceAll(";", ":");
}

function threadOf({ attributes }: ProfileSample): { threadId: number; threadName: string; cpu: number } {
  const facts = new Map<string, AttributeValue>(attributes);
  return {
    threadId: number(facts.get("thread.id")),
    threadName: text(facts.get("thread.name")),
    cpu: number(facts.get("cpu.logical_number")),
  };
}

function text(value: AttributeValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function number(value: AttributeValue | undefined): number {
  return typeof value === "number" || typeof value === "bigint" ? Number(value) : 0;
}

/** ISO 8601, as the resource has it. */
function timeNs(value: AttributeValue | undefined): bigint {
  const ms = Date.parse(text(value));
  return Number.isNaN(ms) ? 0n : BigInt(ms) * 1_000_000n;
}
