/** Stored samples as a profile again, for a pprof file: functions without addresses, since those are not kept. */
import type { Frame, Profile, ProfileSample } from "../../mapping/profile.ts";
import type { Resource } from "../../mapping/span.ts";
import type { ProfileStore, SampleFilter, StoredProcess } from "./profile-store.ts";
import { PROCESS_TYPE, type StackNode } from "./stack-tree.ts";

export function storedProfile(store: ProfileStore, filter: SampleFilter): Profile[] {
  const frames = new Map<StackNode, Frame>();
  const groups = new Map<StoredProcess, ProfileSample[]>();
  let periodNano = 1;
  for (const { process, leaf, timeMs, valueNs, traceId, spanId } of store.matching(filter)) {
    const isCpu = filter.type === "cpu";
    if (isCpu) periodNano = valueNs;
    const sample: ProfileSample = {
      timeUnixNano: BigInt(timeMs) * 1_000_000n,
      stack: stackOf(leaf, frames),
      attributes: [],
      link: traceId === undefined || spanId === undefined ? undefined : { traceId, spanId },
      value: isCpu ? 1 : valueNs,
    };
    const group = groups.get(process);
    if (group === undefined) groups.set(process, [sample]);
    else group.push(sample);
  }
  return [...groups].map(([process, samples]) => {
    const times = samples.map(({ timeUnixNano }) => timeUnixNano);
    const first = times.reduce((a, b) => (b < a ? b : a));
    const last = times.reduce((a, b) => (b > a ? b : a));
    const resource = resourceOf(process);
    return { type: filter.type, resource, timeUnixNano: first, durationNano: last - first + 1n, periodNano, samples };
  });
}

function resourceOf({ service, pid }: StoredProcess): Resource {
  return {
    attributes: [
      ["service.name", service],
      ["process.pid", pid],
    ],
  };
}

function stackOf(leaf: StackNode, frames: Map<StackNode, Frame>): Frame[] {
  const stack: Frame[] = [];
  for (let node = leaf; node.parent !== undefined && node.type !== PROCESS_TYPE; node = node.parent) {
    let frame = frames.get(node);
    if (frame === undefined) {
      const [file, line] = /^(.*):(\d+)$/.exec(node.place)?.slice(1) ?? [node.place, "0"];
      const lines = [{ functionName: node.name, fileName: file || undefined, lineNumber: Number(line) }];
      frame = { address: 0n, mapping: undefined, type: node.type, lines };
      frames.set(node, frame);
    }
    stack.push(frame);
  }
  return stack;
}
