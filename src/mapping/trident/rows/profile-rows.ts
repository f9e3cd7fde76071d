/** Folded stacks of PROFILE rows as profiles: one per process, kind of sample and batch. */
import type { Frame, Profile, ProfileSample } from "../../profile.ts";
import type { Attribute, Resource } from "../../span.ts";
import { ProfileEvent } from "./profile-row.ts";

/** What of a row is needed; the generated message fits. */
interface FoldedRow {
  readonly data: Uint8Array;
  readonly dataCompressed: boolean;
  readonly timestamp: bigint;
  readonly eventType: number;
  readonly pid: number;
  readonly tid: number;
  readonly threadName: string;
  readonly processName: string;
  readonly cpu: number;
  readonly count: number;
  readonly wideCount: bigint;
  readonly sampleRate: number;
}

const NS_PER_S = 1_000_000_000;
/** Where a row does not say it: what the agents sample at. */
const DEFAULT_RATE_HZ = 99;
const MAX_FRAMES = 1024;
/** A row is of one second; what says more is made up. */
const MAX_SAMPLES_OF_ROW = 10_000;
const decoder = new TextDecoder();

/**
 * @param unfold for rows that are compressed by themselves; undefined: it can't be read
 * @param resourceOf the same object for the same process
 * @param lost called with the reason for each row that no profile can be made of
 */
export function profilesOf(
  rows: readonly FoldedRow[],
  unfold: (data: Uint8Array) => Uint8Array | undefined,
  resourceOf: (row: FoldedRow) => Resource,
  lost: (reason: string) => void,
): Profile[] {
  const groups = new Map<string, { rows: FoldedRow[]; samples: ProfileSample[]; resource: Resource }>();
  for (const row of rows) {
    if (row.eventType !== ProfileEvent.onCpu && row.eventType !== ProfileEvent.offCpu) {
      lost("no_such_profile");
      continue;
    }
    const data = row.dataCompressed ? unfold(row.data) : row.data;
    if (data === undefined) {
      lost("stack_unreadable");
      continue;
    }
    const key = `${row.eventType} ${row.pid} ${row.processName}`;
    let group = groups.get(key);
    if (group === undefined) {
      group = { rows: [], samples: [], resource: resourceOf(row) };
      groups.set(key, group);
    }
    group.rows.push(row);
    addSamples(group.samples, row, decoder.decode(data));
  }
  return [...groups.values()].map(({ rows: of, samples, resource }) => profileOf(of, samples, resource));
}

function profileOf(rows: readonly FoldedRow[], samples: readonly ProfileSample[], resource: Resource): Profile {
  const times = rows.map(({ timestamp }) => timestamp);
  const first = times.reduce((a, b) => (b < a ? b : a));
  const last = times.reduce((a, b) => (b > a ? b : a));
  return {
    type: rows[0]?.eventType === ProfileEvent.offCpu ? "off_cpu" : "cpu",
    resource,
    timeUnixNano: first,
    durationNano: last - first + 1n,
    periodNano: periodOf(rows[0]),
    samples,
  };
}

function periodOf(row: FoldedRow | undefined): number {
  return Math.round(NS_PER_S / (row?.sampleRate || DEFAULT_RATE_HZ));
}

/** A row counts microseconds, of CPU time too: as many samples as make up the time. */
function addSamples(samples: ProfileSample[], row: FoldedRow, folded: string): void {
  const attributes: Attribute[] = [["thread.id", row.tid]];
  if (row.threadName !== "") attributes.push(["thread.name", row.threadName]);
  attributes.push(["cpu.logical_number", row.cpu]);
  const stack = stackOf(folded);
  const durationNs = (Number(row.wideCount) || row.count) * 1000;
  const isCpu = row.eventType === ProfileEvent.onCpu;
  const count = isCpu ? Math.min(MAX_SAMPLES_OF_ROW, Math.max(1, Math.round(durationNs / periodOf(row)))) : 1;
  for (let index = 0; index < count; index++) {
    samples.push({ timeUnixNano: row.timestamp, stack, attributes, link: undefined, value: isCpu ? 1 : durationNs });
  }
}

function stackOf(folded: string): Frame[] {
  const names = folded.split(";").filter((name) => name !== "");
  // The first frame names the process or the thread, the leaf is the last.
  const stack = names.filter((name, index) => index > 0 || !/^\[[pt]\] /.test(name)).slice(-MAX_FRAMES);
  return stack.reverse().map(frameOf);
}

/** `[k] name` is the kernel's. */
function frameOf(name: string): Frame {
  const isKernel = name.startsWith("[k] ");
  const functionName = isKernel ? name.slice(4) : name;
  return {
    address: 0n,
    mapping: undefined,
    type: isKernel ? "kernel" : "native",
    lines: [{ functionName, fileName: undefined, lineNumber: 0 }],
  };
}
