/** What the flame graph page shows of the stored samples: a tree with its weights, and what it may be narrowed to. */
import { escapeText } from "../../escape.ts";
import type { Profile } from "../../mapping/profile.ts";
import { SpanKind } from "../../mapping/span.ts";
import type { ProfileStore, SampleFilter, StoredSample } from "./profile-store.ts";
import { PROCESS_TYPE, type StackNode } from "./stack-tree.ts";

/** What is narrower than this share of the whole is left out of the tree: nobody sees it. */
const MIN_SHARE = 1 / 4000;
const NODE_LIMIT = 6000;
const TOP_LIMIT = 100;
const CHOICE_LIMIT = 200;
const TEXT_LIMIT = 400;

/** Short names: there are thousands of these. */
interface FlameNode {
  /** Name. */
  readonly n: string;
  /** Place. */
  readonly p: string;
  /** profile.frame.type */
  readonly t: string;
  /** Nanoseconds in all, and of those its own. */
  readonly v: number;
  readonly s: number;
  readonly c: readonly FlameNode[];
}

interface FlameFunction {
  readonly name: string;
  readonly place: string;
  readonly type: string;
  readonly selfNs: number;
  readonly totalNs: number;
}

interface FlameChoice {
  readonly service: string;
  readonly pid: number;
  readonly valueNs: number;
}

interface FlameSpanChoice {
  readonly name: string;
  readonly kind: string;
  readonly valueNs: number;
}

export interface FlameData {
  readonly version: number;
  readonly root: FlameNode;
  readonly sampleCount: number;
  readonly linkedCount: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly top: readonly FlameFunction[];
  /** Of all samples of this kind and time, whatever else is chosen. */
  readonly processes: readonly FlameChoice[];
  readonly spans: readonly FlameSpanChoice[];
  /** Kinds of samples that there are. */
  readonly types: readonly Profile["type"][];
}

const KIND_NAMES: ReadonlyMap<number, string> = new Map([
  [SpanKind.internal, "INTERNAL"],
  [SpanKind.server, "SERVER"],
  [SpanKind.consumer, "CONSUMER"],
]);

export function spanKindNamed(name: string | undefined): SpanKind | undefined {
  return [...KIND_NAMES].find(([, each]) => each === name)?.[0] as SpanKind | undefined;
}

export function flameData(store: ProfileStore, filter: SampleFilter): FlameData {
  const selfOf = new Map<StackNode, number>();
  let [sampleCount, linkedCount, fromMs, toMs] = [0, 0, 0, 0];
  for (const sample of store.matching(filter)) {
    sampleCount++;
    if (sample.spanId !== undefined) linkedCount++;
    if (fromMs === 0 || sample.timeMs < fromMs) fromMs = sample.timeMs;
    if (sample.timeMs > toMs) toMs = sample.timeMs;
    selfOf.set(sample.leaf, (selfOf.get(sample.leaf) ?? 0) + sample.valueNs);
  }
  const { type, sinceMs } = filter;
  return {
    version: store.version,
    root: treeOf(store.root, selfOf),
    sampleCount,
    linkedCount,
    fromMs,
    toMs,
    top: topFunctions(selfOf),
    ...choices(store, [...store.matching({ type, sinceMs })]),
    types: (["cpu", "off_cpu"] as const).filter((each) => !store.matching({ type: each }).next().done),
  };
}

interface Weights {
  total: number;
  readonly children: Set<StackNode>;
}

function treeOf(root: StackNode, selfOf: ReadonlyMap<StackNode, number>): FlameNode {
  const weights = new Map<StackNode, Weights>([[root, { total: 0, children: new Set() }]]);
  for (const [leaf, self] of selfOf) {
    let child: StackNode | undefined;
    for (let node: StackNode | undefined = leaf; node !== undefined; node = node.parent) {
      let weight = weights.get(node);
      if (weight === undefined) {
        weight = { total: 0, children: new Set() };
        weights.set(node, weight);
      }
      weight.total += self;
      if (child !== undefined) weight.children.add(child);
      child = node;
    }
  }
  const all = weights.get(root)!.total;
  const totals = [...weights.values()].map(({ total }) => total).sort((a, b) => b - a);
  const least = Math.max(all * MIN_SHARE, totals[NODE_LIMIT] ?? 0);
  const build = (node: StackNode): FlameNode => {
    const { total, children } = weights.get(node)!;
    const shown = [...children].filter((child) => weights.get(child)!.total >= least);
    shown.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    return {
      n: text(node.name),
      p: text(node.place),
      t: node.type,
      v: total,
      s: selfOf.get(node) ?? 0,
      c: shown.map(build),
    };
  };
  return build(root);
}

function topFunctions(selfOf: ReadonlyMap<StackNode, number>): FlameFunction[] {
  const functions = new Map<string, { node: StackNode; selfNs: number; totalNs: number }>();
  for (const [leaf, self] of selfOf) {
    // A function that calls itself counts once.
    const seen = new Set<string>();
    for (let node = leaf; node.parent !== undefined && node.type !== PROCESS_TYPE; node = node.parent) {
      const key = `${node.type} ${node.name}`;
      let found = functions.get(key);
      if (found === undefined) {
        found = { node, selfNs: 0, totalNs: 0 };
        functions.set(key, found);
      }
      if (node === leaf) found.selfNs += self;
      if (!seen.has(key)) found.totalNs += self;
      seen.add(key);
    }
  }
  return [...functions.values()]
    .sort((a, b) => b.selfNs - a.selfNs || b.totalNs - a.totalNs)
    .slice(0, TOP_LIMIT)
    .map(({ node, selfNs, totalNs }) => ({
      name: text(node.name),
      place: text(node.place),
      type: node.type,
      selfNs,
      totalNs,
    }));
}

function choices(store: ProfileStore, samples: readonly StoredSample[]): Pick<FlameData, "processes" | "spans"> {
  const processes = new Map<string, { service: string; pid: number; valueNs: number }>();
  const spans = new Map<string, { name: string; kind: string; valueNs: number }>();
  for (const sample of samples) {
    const { service, pid } = sample.process;
    const process = processes.get(`${pid} ${service}`) ?? { service: text(service), pid, valueNs: 0 };
    process.valueNs += sample.valueNs;
    processes.set(`${pid} ${service}`, process);
    const known = store.spanOf(sample);
    if (known === undefined) continue;
    const key = `${known.kind} ${known.name}`;
    const span = spans.get(key) ?? { name: known.name, kind: KIND_NAMES.get(known.kind) ?? "", valueNs: 0 };
    span.valueNs += sample.valueNs;
    spans.set(key, span);
  }
  const heaviest = <T extends { valueNs: number }>(values: Iterable<T>): T[] =>
    [...values].sort((a, b) => b.valueNs - a.valueNs).slice(0, CHOICE_LIMIT);
  return { processes: heaviest(processes.values()), spans: heaviest(spans.values()) };
}

/** Names are strangers': no control or bidirectional characters reach a page. */
function text(value: string): string {
  return escapeText(value, TEXT_LIMIT);
}
