/** The sections of an AMQP 1.0 message (part 3, section 3.2), up to its body. */
import { type AmqpDescribed, type AmqpReader, type AmqpValue, asDescribed, asList, asText } from "./reader.ts";

export interface Amqp10Sections {
  address: string | undefined;
  bodySize: number | undefined;
  messageId: string | undefined;
  correlationId: string | undefined;
  properties: ReadonlyMap<string, string> | undefined;
}

const Section = { properties: 0x73, applicationProperties: 0x74, data: 0x75 } as const;
const MAX_PROPERTIES = 64;

/** Up to the body, whose size is the data's (several data sections are taken as one). */
export function readSections(message: Amqp10Sections, bytes: Uint8Array, reader: AmqpReader, size: number): void {
  while (reader.remaining > 0) {
    const at = reader.position;
    if (bytes[at + 1] === 0x53 && bytes[at + 2] === Section.data) {
      message.bodySize = size - at - (bytes[at + 3] === 0xb0 ? 8 : 5);
      return;
    }
    const section = asDescribed(reader.value());
    if (section === undefined || reader.failed) return;
    if (section.descriptor === Section.properties) readProperties(message, section, reader);
    else if (section.descriptor === Section.applicationProperties) message.properties = readMap(section, reader);
  }
}

/** message id, user id, to, subject, reply to, correlation id */
function readProperties(message: Amqp10Sections, section: AmqpDescribed, reader: AmqpReader): void {
  const list = asList(section.value);
  if (list === undefined) return;
  const [id, , to, , , correlation] = reader.items(list, 6);
  message.messageId = plain(id);
  message.correlationId = plain(correlation);
  // An anonymous link: each message names its own target.
  message.address ??= asText(to);
}

function plain(value: AmqpValue): string | undefined {
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}

function readMap(section: AmqpDescribed, reader: AmqpReader): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  const list = asList(section.value);
  if (list === undefined) return map;
  const items = reader.items(list, MAX_PROPERTIES * 2);
  for (let i = 0; i + 1 < items.length; i += 2) {
    const key = asText(items[i]);
    const value = asText(items[i + 1]);
    if (key !== undefined && value !== undefined) map.set(key.toLowerCase(), value);
  }
  return map;
}
