/** What `run` says when it captures. */
import { escapeText } from "../escape.ts";
import type { Attachment } from "../ipc/messages.ts";
import type { Config } from "./config/config.ts";
import type { ReadyEvent } from "./worker-settings.ts";

export function readyLines(event: ReadyEvent, attachment: Attachment | undefined, config: Config): string[] {
  const lines = [`ready: ${what(attachment)}; exporting to ${event.exporters.join(", ")}`];
  for (const { feature, cost } of attachment?.missing ?? []) lines.push(`  without ${feature}: ${cost}`);
  for (const { id, address, isMoved } of event.listeners) {
    lines.push(`  ${label(id, config)}: ${address}${isMoved ? " (its default port was taken)" : ""}`);
  }
  if (attachment !== undefined) lines.push("waiting for requests between programs of this host");
  return lines.map((line) => escapeText(line));
}

function what(attachment: Attachment | undefined): string {
  if (attachment === undefined) return "nothing is captured, no pipeline has socket_trace";
  const { probes, hookSet } = attachment;
  const sections = probes.map((probe) => probe.section).join(", ");
  return `${probes.length} probes attached, hook sets ${hookSet.sends} (sends) and ${hookSet.receives} (receives): ${sections}`;
}

function label(id: string, config: Config): string {
  const type = config.extensions.get(id)?.type ?? id;
  return type === "zpages" ? "traces" : type === "health_check" ? "health" : id;
}
