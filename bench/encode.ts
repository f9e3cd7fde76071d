/**
 * Spans to OTLP bytes: our encoder beside OpenTelemetry's serializer, in one run on the same spans.
 * Prints one JSON object; `rounds` are interleaved, so that both see the same machine.
 */
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import { toReadableSpan } from "../src/exporter/otlp/readable-span.ts";
import { traceRequestJson } from "../src/mapping/otlp/trace-json.ts";
import { encodeTraceRequest } from "../test/support/encode-spans.ts";
import { makeResource, makeSpan } from "../test/support/spans.ts";

const batchSpans = 2_048;
const rounds = 7;
const roundMs = 300;

const resources = Array.from({ length: 8 }, (_, i) => makeResource(`service-${i}`));
const spans = Array.from({ length: batchSpans }, (_, i) => {
  const span = makeSpan({ resource: resources[i % resources.length]! });
  return {
    ...span,
    // Strings that were cut out of larger ones and put together, as parsers make them.
    spanId: (i * 2_654_435_761).toString(16).padStart(16, "0").slice(-16),
    attributes: span.attributes.map(([key, value]) =>
      key === "url.path" ? ([key, `/items/${i}/detail`] as const) : ([key, value] as const),
    ),
  };
});
const readable = spans.map(toReadableSpan);

const candidates = {
  sockspan: () => encodeTraceRequest(spans).length,
  oracle: () => ProtobufTraceSerializer.serializeRequest(readable)?.length ?? 0,
  sockspanJson: () => traceRequestJson(spans).length,
};

const rates = new Map<string, number[]>();
const sizeBytes = new Map<string, number>();
for (let round = -1; round < rounds; round++) {
  for (const [name, encode] of Object.entries(candidates)) {
    const started = performance.now();
    let batches = 0;
    while (performance.now() - started < roundMs) {
      sizeBytes.set(name, encode());
      batches++;
    }
    // The first round only warms up.
    if (round < 0) continue;
    const rate = (batches * batchSpans * 1_000) / (performance.now() - started);
    rates.set(name, [...(rates.get(name) ?? []), rate]);
  }
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;
const result = Object.fromEntries(
  [...rates].map(([name, values]) => [
    name,
    {
      spansPerSecond: Math.round(median(values)),
      worst: Math.round(Math.min(...values)),
      bytesPerSpan: Math.round(sizeBytes.get(name)! / batchSpans),
      ratioToOracle: Number((median(values) / median(rates.get("oracle")!)).toFixed(2)),
    },
  ]),
);
process.stdout.write(
  `${JSON.stringify({ bench: "encode", batchSpans, rounds, node: process.version, result }, null, 2)}\n`,
);
