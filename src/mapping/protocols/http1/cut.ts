/** Start lines, and messages of heads whose rest never came. */

import { MessageRole } from "../protocol.ts";
import { HeaderFields } from "./fields.ts";
import type { RequestLine } from "./read-line.ts";
import type { Http1Message } from "./state.ts";

function requestLine(head: string, lineEnd: number): RequestLine | undefined {
  const firstSpace = head.indexOf(" ");
  const lastSpace = head.lastIndexOf(" ", lineEnd - 9);
  if (firstSpace < 0 || lastSpace <= firstSpace) return undefined;
  const target = head.slice(firstSpace + 1, lastSpace);
  if (target.includes(" ")) return undefined;
  return { method: head.slice(0, firstSpace), target, version: head.slice(lastSpace + 6, lastSpace + 9) };
}

/** @param lines the start line and those of the fields that are there */
export function cutRequest(lines: string): Http1Message | undefined {
  const lineEnd = lines.indexOf("\n");
  const line = requestLine(lines, lineEnd);
  if (line === undefined) return undefined;
  return cutMessage(MessageRole.request, { ...line, statusCode: 0 }, lines.slice(lineEnd + 1));
}

export function cutResponse(lines: string): Http1Message | undefined {
  const statusCode = Number(lines.slice(9, 12));
  if (statusCode < 200) return undefined;
  const line = { method: "", target: "", version: lines.slice(5, 8), statusCode };
  return cutMessage(MessageRole.response, line, lines.slice(lines.indexOf("\n") + 1));
}

function cutMessage(
  role: MessageRole,
  line: Pick<Http1Message, "method" | "target" | "version" | "statusCode">,
  headers: string,
): Http1Message | undefined {
  const fields = HeaderFields.parse(headers);
  if (fields === undefined) return undefined;
  const { isChunked, contentLength } = fields.framing;
  return {
    role,
    id: undefined,
    endsAtClose: true,
    ...line,
    fields,
    bodySize: isChunked ? undefined : contentLength,
  };
}
