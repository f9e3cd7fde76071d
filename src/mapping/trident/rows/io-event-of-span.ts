/** A span of a read or write (mapping/io) as the row of a PROC_EVENT frame. */
import { type AttributeValue, type Span, SpanKind } from "../../span.ts";
import type { IoEventRow } from "./io-event-row.ts";

/** undefined: the span is no read or write of a file. */
export function ioEventOfSpan(span: Span): IoEventRow | undefined {
  if (span.kind !== SpanKind.internal) return undefined;
  const attributes = new Map<string, AttributeValue>(span.attributes);
  const operation = attributes.get("sockspan.io.operation");
  if (operation === undefined) return undefined;
  const resource = new Map<string, AttributeValue>(span.resource.attributes);
  return {
    processId: Number(resource.get("process.pid") ?? 0),
    threadId: Number(attributes.get("thread.id") ?? 0),
    coroutineId: Number(attributes.get("sockspan.coroutine.id") ?? 0),
    processName: String(resource.get("process.executable.name") ?? resource.get("service.name") ?? ""),
    startTimeNs: span.startTimeUnixNano,
    endTimeNs: span.endTimeUnixNano,
    isRead: operation === "read",
    sizeBytes: Number(attributes.get("sockspan.io.bytes") ?? 0),
    fileName: String(attributes.get("file.name") ?? attributes.get("file.path") ?? ""),
    directory: String(attributes.get("file.directory") ?? ""),
    offsetBytes: Number(attributes.get("sockspan.io.offset") ?? 0),
    fileType: String(attributes.get("sockspan.io.file_type") ?? ""),
  };
}
