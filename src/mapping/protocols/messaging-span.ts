/** Messaging spans by the semantic conventions (docs/messaging/messaging-spans.md). */
import { type Attribute, SpanKind } from "../span.ts";
import { nameWithDestination } from "./destination.ts";
import { missingResponse } from "./failure.ts";
import type { Message, Session, SpanFields, SpanView } from "./protocol.ts";

interface MessagingFacts {
  readonly system: string;
  /** In the system's own words. */
  readonly operation: string;
  /** undefined: it moves no messages. */
  readonly type?: "send" | "receive" | "process" | "settle" | undefined;
  readonly destination?: string | undefined;
  readonly attributes?: readonly Attribute[];
  readonly status?: string | undefined;
  readonly errorType?: string | undefined;
  readonly statusMessage?: string | undefined;
}

const MAX_TEXT = 256;

export function describeMessaging(session: Session<Message>, view: SpanView, facts: MessagingFacts): SpanFields {
  const { operation, type, destination } = facts;
  const attributes: Attribute[] = [
    ["messaging.system", facts.system],
    ["messaging.operation.name", operation],
  ];
  if (type !== undefined) attributes.push(["messaging.operation.type", type]);
  if (destination !== undefined) attributes.push(["messaging.destination.name", destination]);
  if (facts.attributes !== undefined) attributes.push(...facts.attributes);
  if (facts.status !== undefined) attributes.push([`sockspan.${facts.system}.response.status`, facts.status]);
  const isOneWay = session.response === undefined && session.incomplete === undefined;
  const errorType = facts.errorType ?? (isOneWay ? undefined : missingResponse(session));
  if (errorType !== undefined) attributes.push(["error.type", errorType]);
  const isClient = view.kind === SpanKind.client;
  const kind = type === "send" ? SpanKind.producer : type === "settle" ? undefined : SpanKind.consumer;
  const hasTarget = destination !== undefined && type !== undefined;
  return {
    name: hasTarget ? nameWithDestination(attributes, operation, destination) : operation,
    ...(isClient && type !== undefined && kind !== undefined ? { kind } : {}),
    attributes,
    isError: errorType !== undefined,
    ...(facts.statusMessage ? { statusMessage: facts.statusMessage.slice(0, MAX_TEXT) } : {}),
  };
}
