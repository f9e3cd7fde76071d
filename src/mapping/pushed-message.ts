/** A message that a broker sends on without being asked: who sends it produces it, who reads it consumes it. */
import type { SpanFields } from "./protocols/protocol.ts";
import { type Attribute, SpanKind } from "./span.ts";

const OPERATION_TYPE = "messaging.operation.type";
const SENDS: Attribute = [OPERATION_TYPE, "send"];
const RECEIVES: Attribute = [OPERATION_TYPE, "receive"];

/**
 * @param fields as its client says it, who is the consumer in most protocols
 * @returns what the end says that has sent it, or read it; `fields` themselves where they are no message's
 */
export function seenFromEnd(fields: SpanFields, isReader: boolean): SpanFields {
  if (fields.kind !== SpanKind.producer && fields.kind !== SpanKind.consumer) return fields;
  const { attributes } = fields;
  const index = attributes.findIndex(([key]) => key === OPERATION_TYPE);
  if (index >= 0) attributes[index] = isReader ? RECEIVES : SENDS;
  return { ...fields, kind: isReader ? SpanKind.consumer : SpanKind.producer };
}
