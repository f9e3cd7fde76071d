/** Profiles as text: a line for each, or each sample with its stack. */
import { escapeText } from "../../escape.ts";
import type { Profile, ProfileSample } from "../../mapping/profile.ts";
import { frameLabels } from "../../mapping/profiles/frame-label.ts";
import type { Paint } from "./paint.ts";

const TOP_FUNCTIONS = 3;
const MAX_TEXT_LENGTH = 80;

/** `on cpu   412 samples  shop (pid 4711)  41 % JSON.parse, 12 % memcpy, 5 % read  390 linked to spans` */
export function* profileLines(profiles: readonly Profile[], paint: Paint): Generator<string> {
  for (const profile of profiles) {
    const { samples, resource, type } = profile;
    const find = (key: string) => resource.attributes.find(([name]) => name === key)?.[1];
    const linked = samples.filter(({ link }) => link !== undefined).length;
    const who = `${text(String(find("service.name") ?? "unknown_service"))} (pid ${String(find("process.pid") ?? "?")})`;
    const parts = [
      `${paint.cyan(type === "cpu" ? "on cpu " : "off cpu")} ${String(samples.length).padStart(5)} samples`,
      paint.bold(who),
      topFunctions(samples).join(", "),
      ...(linked === 0 ? [] : [paint.dim(`${linked} linked to spans`)]),
    ];
    yield parts.join("  ");
  }
}

/** Every sample: its links and its stack, the leaf first. */
export function* detailedProfileLines(profiles: readonly Profile[], paint: Paint): Generator<string> {
  for (const profile of profiles) {
    yield* profileLines([profile], paint);
    for (const sample of profile.samples) {
      const attributes = sample.attributes.map(([key, value]) => `${text(key)}=${text(String(value))}`).join(" ");
      yield `  ${sample.timeUnixNano} ${attributes}${sample.link === undefined ? "" : ` span=${sample.link.spanId} trace=${sample.link.traceId}`}`;
      for (const frame of sample.stack) {
        for (const { name, place } of frameLabels(frame)) yield `    ${text(name)}  ${text(place)} ${frame.type}`;
      }
    }
  }
}

function topFunctions(samples: readonly ProfileSample[]): string[] {
  const weights = new Map<string, number>();
  let total = 0;
  for (const { stack, value } of samples) {
    const name = stack[0] === undefined ? "[no stack]" : frameLabels(stack[0])[0]!.name;
    weights.set(name, (weights.get(name) ?? 0) + value);
    total += value;
  }
  return [...weights]
    .sort(([, a], [, b]) => b - a)
    .slice(0, TOP_FUNCTIONS)
    .map(([name, weight]) => `${Math.round((weight / Math.max(1, total)) * 100)} % ${text(name)}`);
}

function text(value: string): string {
  return escapeText(value, MAX_TEXT_LENGTH);
}
