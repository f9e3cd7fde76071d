/** Symbolized samples of one period to profiles: one for each process's resource and kind of sample. */
import type { Profile, ProfileSample } from "../profile.ts";
import type { Attribute, Resource } from "../span.ts";
import type { SampleKind, StackSample } from "./stack-sample.ts";
import type { SymbolizedSample } from "./symbolized-sample.ts";

export interface ProfilePeriod {
  /** CLOCK_MONOTONIC: samples lie in [startNs, endNs); one that does not moves the bounds of its profile. */
  readonly startNs: number;
  readonly endNs: number;
  /** Wall minus monotonic time. */
  readonly clockOffsetNs: bigint;
  /** CPU time between two samples of one CPU. */
  readonly periodNano: number;
  /** The same object that the process's spans have. */
  readonly resourceOf: (tgid: number, comm: string) => Resource;
}

/** `sockspan.link.inferred`: the link to the span is a conclusion; `sockspan.stack.cut`: callers are missing. */
const INFERRED: Attribute = ["sockspan.link.inferred", true];
const CUT: Attribute = ["sockspan.stack.cut", true];

const TYPES = { on_cpu: "cpu", off_cpu: "off_cpu" } as const satisfies Record<SampleKind, Profile["type"]>;

export function buildProfiles(samples: readonly SymbolizedSample[], period: ProfilePeriod): Profile[] {
  const groups = new Map<Resource, Map<SampleKind, SymbolizedSample[]>>();
  const resources = new Map<number, Resource>();
  for (const symbolized of samples) {
    const { tgid, comm, kind } = symbolized.sample;
    let resource = resources.get(tgid);
    if (resource === undefined) {
      resource = period.resourceOf(tgid, comm);
      resources.set(tgid, resource);
    }
    let kinds = groups.get(resource);
    if (kinds === undefined) {
      kinds = new Map();
      groups.set(resource, kinds);
    }
    const group = kinds.get(kind);
    if (group === undefined) kinds.set(kind, [symbolized]);
    else group.push(symbolized);
  }
  return [...groups].flatMap(([resource, kinds]) =>
    [...kinds].map(([kind, group]) => profileOf(kind, resource, group, period)),
  );
}

function profileOf(
  kind: SampleKind,
  resource: Resource,
  group: readonly SymbolizedSample[],
  { startNs, endNs, clockOffsetNs, periodNano }: ProfilePeriod,
): Profile {
  let [first, last] = [startNs, Math.max(startNs, endNs - 1)];
  for (const { sample } of group) {
    if (sample.timestampNs < first) first = sample.timestampNs;
    if (sample.timestampNs > last) last = sample.timestampNs;
  }
  const timeUnixNano = BigInt(first) + clockOffsetNs;
  const attributes = new SharedAttributes();
  return {
    type: TYPES[kind],
    resource,
    timeUnixNano,
    durationNano: BigInt(last - first) + 1n,
    periodNano,
    samples: group.map((symbolized) => sampleOf(symbolized, clockOffsetNs, attributes)),
  };
}

function sampleOf(
  { sample, stack }: SymbolizedSample,
  clockOffsetNs: bigint,
  attributes: SharedAttributes,
): ProfileSample {
  return {
    timeUnixNano: BigInt(sample.timestampNs) + clockOffsetNs,
    stack,
    attributes: attributes.of(sample),
    link: sample.link,
    value: sample.kind === "off_cpu" ? sample.valueNs : 1,
  };
}

/** One list for all samples of a profile that have the same. */
class SharedAttributes {
  readonly #known = new Map<string, readonly Attribute[]>();

  of(sample: StackSample): readonly Attribute[] {
    const { pid, comm, cpu, coroutineId, waker, link, isCut, contextAttributes } = sample;
    if (contextAttributes.length > 0) return attributesOf(sample);
    const who = `${pid} ${cpu} ${coroutineId} ${waker?.tgid} ${waker?.pid} ${link?.isInferred} ${isCut} ${comm}`;
    let attributes = this.#known.get(who);
    if (attributes === undefined) {
      attributes = attributesOf(sample);
      this.#known.set(who, attributes);
    }
    return attributes;
  }
}

function attributesOf(sample: StackSample): Attribute[] {
  const attributes: Attribute[] = [
    ["thread.id", sample.pid],
    ["thread.name", sample.comm],
    ["cpu.logical_number", sample.cpu],
  ];
  for (const attribute of sample.contextAttributes) {
    if (attributes.every(([key]) => key !== attribute[0])) attributes.push(attribute);
  }
  if (sample.coroutineId !== 0) attributes.push(["sockspan.coroutine.id", sample.coroutineId]);
  // 0: the idle thread, which an interrupt came to.
  if (sample.waker !== undefined && sample.waker.pid !== 0) {
    attributes.push(["sockspan.waker.process.pid", sample.waker.tgid], ["sockspan.waker.thread.id", sample.waker.pid]);
  }
  if (sample.link?.isInferred === true) attributes.push(INFERRED);
  if (sample.isCut) attributes.push(CUT);
  return attributes;
}
