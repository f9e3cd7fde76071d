/** What `run` says when it captures. */
import { escapeText } from "../escape.ts";
import type { Attachment, ProfileAttachment } from "../ipc/messages.ts";
import type { Config } from "./config/config.ts";
import type { ReadyEvent } from "./worker-settings.ts";

interface Attachments {
  readonly attachment: Attachment | undefined;
  readonly profileAttachment: ProfileAttachment | undefined;
}

export function readyLines(
  event: ReadyEvent,
  { attachment, profileAttachment }: Attachments,
  config: Config,
): string[] {
  const what = [
    ...(attachment === undefined ? [] : [capturing(attachment)]),
    ...(profileAttachment === undefined ? [] : [sampling(profileAttachment)]),
  ];
  const nothing = "nothing is captured, no pipeline has socket_trace";
  const lines = [`ready: ${what.join("; ") || nothing}; exporting to ${event.exporters.join(", ")}`];
  for (const { feature, cost } of attachment?.missing ?? []) lines.push(`  without ${feature}: ${cost}`);
  for (const { id, address, isMoved } of event.listeners) {
    lines.push(`  ${label(id, config)}: ${address}${isMoved ? " (its default port was taken)" : ""}`);
  }
  if (attachment !== undefined) lines.push("waiting for requests between programs of this host");
  return lines.map((line) => escapeText(line));
}

function capturing({ probes, hookSet }: Attachment): string {
  const sections = probes.map((probe) => probe.section).join(", ");
  return `${probes.length} probes attached, hook sets ${hookSet.sends} (sends) and ${hookSet.receives} (receives): ${sections}`;
}

function sampling({ clock, cpus }: ProfileAttachment): string {
  return `sampling ${cpus === 1 ? "1 CPU" : `${cpus} CPUs`} by ${clock === "cycles" ? "cycles" : "the kernel's clock"}`;
}

function label(id: string, config: Config): string {
  const type = config.extensions.get(id)?.type ?? id;
  return type === "zpages" ? "traces" : type === "health_check" ? "health" : id;
}
