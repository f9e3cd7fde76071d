/** The embedded recording through the trace engine: what a trace would look like, where nothing can be captured. */
import { noPaint } from "../../exporter/debug/paint.ts";
import { traceLines } from "../../exporter/debug/trace-lines.ts";
import type { Span } from "../../mapping/span.ts";
import { RecordingDecoder } from "../../receiver/replay/recording/recording-decoder.ts";
import { openReplayEngine } from "../../receiver/replay/replay-engine.ts";
import { DEMO_RECORDING } from "./demo-recording.ts";

const NOTHING_EXTRA = { requestHeaders: [], responseHeaders: [], urlQueryParameters: [] };

/** One line per span. */
export function demoLines(): string[] {
  const spans: Span[] = [];
  const decoder = new RecordingDecoder({
    openTarget: (timeline) =>
      openReplayEngine(timeline, {
        describe: NOTHING_EXTRA,
        settleNs: 5e9,
        spans: (found) => spans.push(...found),
        accounts: () => {},
      }),
    problem: (problem) => {
      throw problem;
    },
  });
  decoder.push(Buffer.from(`${DEMO_RECORDING.join("\n")}\n`));
  decoder.end();
  return [...traceLines(spans, noPaint)];
}
