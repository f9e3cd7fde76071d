/** Names of topics, subjects and queues in span names: low cardinality is what a name is for. */

const MAX_NAME = 128;

/** Segments that look made (numbers, hashes, ids) become an asterisk. */
export function destinationTemplate(name: string): string {
  if (name.startsWith("_INBOX.") || name.startsWith("amq.gen-") || name.startsWith("amq.rabbitmq.reply-to"))
    return "(temporary)";
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
