/** `trident keys`: which keys of a DeepFlow controller's configuration sockspan honours, and which it ignores and why. */
import { type Command, Option } from "commander";
import { HONOURED_KEYS, IGNORED_KEYS } from "../../mapping/trident/config/config-keys.ts";

export function tridentCommand(command: Command): void {
  command
    .command("keys")
    .description("keys of a controller's configuration: honoured, and ignored with the reason")
    .addOption(new Option("--format <format>", "of the list").choices(["text", "json"]).default("text"))
    .action(({ format }: { format: "text" | "json" }) => {
      process.stdout.write(format === "json" ? asJson() : asText());
    });
}

function asJson(): string {
  const honoured = HONOURED_KEYS.map(({ path, field, by, target }) => ({
    key: path,
    v6: field ?? null,
    by,
    becomes: target,
  }));
  const ignored = IGNORED_KEYS.map(({ path, reason }) => ({ key: path, reason }));
  return `${JSON.stringify({ honoured, ignored }, undefined, 2)}\n`;
}

function asText(): string {
  const width = Math.max(...[...HONOURED_KEYS, ...IGNORED_KEYS].map(({ path }) => path.length));
  const row = (path: string, text: string): string => `  ${path.padEnd(width)}  ${text}\n`;
  const honoured = HONOURED_KEYS.map(({ path, field, by, target }) => {
    const older = field === undefined ? "" : ` (v6: ${field.replace(/^yaml:/, "local_config ")})`;
    return row(path, `${target}${by === "capture" ? ", by capture.yaml" : ""}${older}`);
  });
  const ignored = IGNORED_KEYS.map(({ path, reason }) => row(path, reason));
  return `honoured\n${honoured.join("")}ignored, with all below them\n${ignored.join("")}`;
}
