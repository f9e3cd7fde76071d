/** Names of topics, subjects and queues in span names: low cardinality is what a name is for. */

import type { Attribute } from "../span.ts";

const MAX_NAME = 128;
/** Made for one client, or one request: NATS, RabbitMQ. */
const TEMPORARY = /^(?:_INBOX\.|amq\.gen-|amq\.rabbitmq\.reply-to)/;

/** Adds what the span's name says of a destination beside its own name. @returns the span's name */
export function nameWithDestination(attributes: Attribute[], operation: string, destination: string): string {
  if (TEMPORARY.test(destination)) {
    attributes.push(["messaging.destination.temporary", true]);
    return operation;
  }
  const template = destinationTemplate(destination);
  if (template !== destination) attributes.push(["messaging.destination.template", template]);
  return `${operation} ${template}`;
}

/** Segments that look made (numbers, hashes, ids) become an asterisk. */
export function destinationTemplate(name: string): string {
  const template = name
    .slice(0, MAX_NAME)
    .split(/([/.:])/)
    .map((segment) => (isMade(segment) ? "*" : segment))
    .join("");
  return name.length > MAX_NAME ? `${template}...` : template;
}

function isMade(segment: string): boolean {
  if (/^\d+$/.test(segment)) return true;
  if (segment.length < 12) return false;
  const digits = segment.replace(/\D/g, "").length;
  return /^[0-9a-fA-F-]+$/.test(segment) || (segment.length >= 20 && digits >= 3) || digits >= 6;
}
