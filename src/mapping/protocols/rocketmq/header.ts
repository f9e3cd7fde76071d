/** Header of a RocketMQ command, in JSON or in RocketMQ's own serialization. */
import { latin1, utf8 } from "../../latin1.ts";
import { ByteReader } from "../byte-reader.ts";

export interface RocketmqHeader {
  readonly code: number;
  readonly opaque: number;
  readonly flag: number;
  readonly remark: string | undefined;
  readonly fields: ReadonlyMap<string, string>;
}

const START = 8;
const JSON_TYPE = 0;
const MAX_FIELDS = 64;
/** code, language, version, opaque, flag, and two lengths. */
const FIXED_BYTES = 21;

/** Can the header, as far as it is there, be one? @param end where it ends */
export function rocketmqHeaderFits(bytes: Uint8Array, end: number): boolean {
  if (bytes[4] === JSON_TYPE) return /^(?:$|\{(?:$|"))/.test(latin1(bytes, START, Math.min(bytes.length, START + 2)));
  if (bytes.length < START + FIXED_BYTES) return bytes.length < START + 3 || bytes[START + 2]! <= 12;
  return bytes[START + 2]! <= 12 && end - START >= FIXED_BYTES && bytes[START]! <= 0x10;
}

export function readRocketmqHeader(bytes: Uint8Array, end: number): RocketmqHeader | undefined {
  return bytes[4] === JSON_TYPE ? readJson(utf8(bytes, START, end)) : readBinary(bytes, end);
}

function readJson(text: string): RocketmqHeader | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { code, opaque, flag, remark, extFields } = value as Record<string, unknown>;
  if (typeof code !== "number" || typeof opaque !== "number" || typeof flag !== "number") return undefined;
  const fields = new Map<string, string>();
  if (typeof extFields === "object" && extFields !== null) {
    for (const [key, field] of Object.entries(extFields).slice(0, MAX_FIELDS)) {
      if (typeof field === "string" || typeof field === "number") fields.set(key, String(field));
    }
  }
  return { code, opaque, flag, remark: typeof remark === "string" ? remark : undefined, fields };
}

function readBinary(bytes: Uint8Array, end: number): RocketmqHeader | undefined {
  const reader = new ByteReader(bytes, START, end);
  const code = reader.uint16();
  reader.skip(3);
  const opaque = reader.int32();
  const flag = reader.uint32();
  const remarkBytes = reader.uint32();
  const remark = remarkBytes > 0 ? reader.utf8(remarkBytes) : undefined;
  const fieldsEnd = reader.uint32() + reader.position;
  if (reader.failed || fieldsEnd !== end || flag > 3) return undefined;
  const fields = new Map<string, string>();
  while (reader.remaining > 0 && !reader.failed && fields.size < MAX_FIELDS) {
    const key = reader.utf8(reader.uint16());
    const value = reader.utf8(reader.uint32());
    if (!reader.failed) fields.set(key, value);
  }
  return { code, opaque, flag, remark, fields };
}
