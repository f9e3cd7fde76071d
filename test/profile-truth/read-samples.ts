/** Samples and server spans out of what the file exporter wrote. */
import { readFileSync } from "node:fs";

export interface ReadSample {
  readonly timeUnixNano: bigint;
  readonly processId: number;
  readonly threadId: number;
  /** The leaf first; "" where there is no name. */
  readonly functions: readonly string[];
  readonly isCut: boolean;
  /** Of the span that it is linked to. */
  readonly spanId: string | undefined;
  readonly traceId: string | undefined;
  /** Those of the sample that are texts. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly resource: ReadonlyMap<string, string>;
}

interface Value {
  readonly stringValue?: string;
  readonly intValue?: string;
  readonly boolValue?: boolean;
}

interface Dictionary {
  readonly stringTable: readonly string[];
  readonly functionTable: readonly { readonly nameStrindex?: number }[];
  readonly locationTable: readonly { readonly lines?: readonly { readonly functionIndex?: number }[] }[];
  readonly stackTable: readonly { readonly locationIndices?: readonly number[] }[];
  readonly linkTable: readonly { readonly spanId?: string; readonly traceId?: string }[];
  readonly attributeTable: readonly { readonly keyStrindex?: number; readonly value: Value }[];
}

interface SampleJson {
  readonly stackIndex?: number;
  readonly linkIndex?: number;
  readonly attributeIndices?: readonly number[];
  readonly timestampsUnixNano?: readonly string[];
}

interface KeyValue {
  readonly key: string;
  readonly value: Value;
}

interface Line {
  readonly dictionary?: Dictionary;
  readonly resourceProfiles?: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeProfiles: readonly { readonly profiles: readonly { readonly samples: readonly SampleJson[] }[] }[];
  }[];
  readonly resourceSpans?: readonly {
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly kind: number;
        readonly spanId: string;
        readonly attributes: readonly KeyValue[];
      }[];
    }[];
  }[];
}

export function readLines(path: string): Line[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
}

export function samplesOf(lines: readonly Line[]): ReadSample[] {
  return lines.flatMap(({ dictionary, resourceProfiles = [] }) =>
    resourceProfiles.flatMap(({ resource, scopeProfiles }) => {
      const texts = textsOf(resource.attributes.map(({ key, value }) => [key, value]));
      const processId = Number(resource.attributes.find(({ key }) => key === "process.pid")?.value.intValue ?? 0);
      const samples = scopeProfiles.flatMap(({ profiles }) => profiles.flatMap((profile) => profile.samples));
      return samples.flatMap((sample) => read(sample, processId, texts, dictionary!));
    }),
  );
}

function textsOf(pairs: Iterable<readonly [string, Value]>): ReadonlyMap<string, string> {
  return new Map(
    [...pairs].flatMap(([key, { stringValue }]) => (stringValue === undefined ? [] : [[key, stringValue]])),
  );
}

function read(
  sample: SampleJson,
  processId: number,
  resource: ReadSample["resource"],
  dictionary: Dictionary,
): ReadSample[] {
  const text = (index = 0) => dictionary.stringTable[index] ?? "";
  const attributes = new Map(
    (sample.attributeIndices ?? []).map((index) => {
      const { keyStrindex, value } = dictionary.attributeTable[index]!;
      return [text(keyStrindex), value] as const;
    }),
  );
  const locations = dictionary.stackTable[sample.stackIndex ?? 0]?.locationIndices ?? [];
  const functions = locations.flatMap((index) => {
    const lines = dictionary.locationTable[index]?.lines ?? [];
    if (lines.length === 0) return [""];
    return lines.map(({ functionIndex = 0 }) => text(dictionary.functionTable[functionIndex]?.nameStrindex));
  });
  const link = (sample.linkIndex ?? 0) === 0 ? undefined : dictionary.linkTable[sample.linkIndex!];
  const common = {
    processId,
    resource,
    attributes: textsOf(attributes),
    threadId: Number(attributes.get("thread.id")?.intValue ?? 0),
    functions,
    isCut: attributes.get("sockspan.stack.cut")?.boolValue === true,
    spanId: link?.spanId,
    traceId: link?.traceId,
  };
  return (sample.timestampsUnixNano ?? []).map((time) => ({ ...common, timeUnixNano: BigInt(time) }));
}

/** Span id to the id in the request's query. */
export function requestIds(lines: readonly Line[]): Map<string, string> {
  const ids = new Map<string, string>();
  for (const { resourceSpans = [] } of lines) {
    for (const span of resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))) {
      const SERVER = 2;
      const query = span.attributes.find(({ key }) => key === "url.query")?.value.stringValue ?? "";
      const id = /\bid=(\d+)/.exec(query)?.[1];
      if (span.kind === SERVER && id !== undefined) ids.set(span.spanId, id);
    }
  }
  return ids;
}
