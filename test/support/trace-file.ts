/** Reads what the file exporter wrote: one OTLP JSON object per line. */
import { readFile } from "node:fs/promises";

export interface TestSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  /** OTLP's numbers: 2 SERVER, 3 CLIENT. */
  readonly kind: number;
  readonly flags: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly status: number;
  readonly attributes: ReadonlyMap<string, unknown>;
  readonly resource: ReadonlyMap<string, unknown>;
  readonly scope: string;
}

export const SERVER = 2;
export const CLIENT = 3;

interface JsonAttribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface JsonSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly flags?: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status?: { readonly code?: number };
  readonly attributes?: readonly JsonAttribute[];
}

interface JsonRequest {
  readonly resourceSpans: readonly {
    readonly resource?: { readonly attributes?: readonly JsonAttribute[] };
    readonly scopeSpans: readonly {
      readonly scope?: { readonly name?: string };
      readonly spans: readonly JsonSpan[];
    }[];
  }[];
}

export async function readTraceFile(path: string): Promise<TestSpan[]> {
  const text = await readFile(path, "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .flatMap((line) => spansOf(JSON.parse(line)));
}

function spansOf(request: JsonRequest): TestSpan[] {
  return request.resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const resourceAttributes = toMap(resource?.attributes);
    return scopeSpans.flatMap(({ scope, spans }) =>
      spans.map((span) => ({
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId ?? "",
        name: span.name,
        kind: span.kind,
        flags: span.flags ?? 0,
        startNs: BigInt(span.startTimeUnixNano),
        endNs: BigInt(span.endTimeUnixNano),
        status: span.status?.code ?? 0,
        attributes: toMap(span.attributes),
        resource: resourceAttributes,
        scope: scope?.name ?? "",
      })),
    );
  });
}

function toMap(attributes: readonly JsonAttribute[] | undefined): Map<string, unknown> {
  return new Map((attributes ?? []).map(({ key, value }) => [key, plain(value)]));
}

/** `intValue` is a string in JSON. */
function plain(value: Readonly<Record<string, unknown>>): unknown {
  if (value["intValue"] !== undefined) return Number(value["intValue"]);
  return value["stringValue"] ?? value["boolValue"] ?? value["doubleValue"] ?? value["arrayValue"];
}
