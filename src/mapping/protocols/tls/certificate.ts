/** When an X.509 certificate (RFC 5280 section 4.1) is valid, and nothing else of it. */
import { latin1 } from "../../latin1.ts";

export interface Validity {
  /** ISO 8601, UTC. */
  readonly notBefore: string;
  readonly notAfter: string;
}

interface Element {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

const Tag = { sequence: 0x30, utcTime: 0x17, generalizedTime: 0x18, version: 0xa0 } as const;

export function certificateValidity(bytes: Uint8Array, from: number, end: number): Validity | undefined {
  const certificate = element(bytes, from, end);
  const body = certificate && element(bytes, certificate.start, certificate.end);
  if (body?.tag !== Tag.sequence) return undefined;
  let at = body.start;
  const next = (): Element | undefined => {
    const found = element(bytes, at, body.end);
    if (found !== undefined) at = found.end;
    return found;
  };
  // [version,] serial number, signature, issuer, validity
  if (next()?.tag === Tag.version) next();
  next();
  next();
  const validity = next();
  if (validity?.tag !== Tag.sequence) return undefined;
  const first = element(bytes, validity.start, validity.end);
  const second = first && element(bytes, first.end, validity.end);
  const notBefore = first && time(bytes, first);
  const notAfter = second && time(bytes, second);
  return notBefore === undefined || notAfter === undefined ? undefined : { notBefore, notAfter };
}

/** One element of DER; undefined where it is not whole. */
function element(bytes: Uint8Array, at: number, end: number): Element | undefined {
  if (at + 2 > end) return undefined;
  const tag = bytes[at]!;
  let length = bytes[at + 1]!;
  let start = at + 2;
  if (length >= 0x80) {
    const count = length & 0x7f;
    if (count === 0 || count > 3 || start + count > end) return undefined;
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + bytes[start + i]!;
    start += count;
  }
  return start + length <= end ? { tag, start, end: start + length } : undefined;
}

/** `YYMMDDhhmmssZ` (years from 1950 on) or `YYYYMMDDhhmmssZ`. */
function time(bytes: Uint8Array, { tag, start, end }: Element): string | undefined {
  const text = latin1(bytes, start, end);
  const full = tag === Tag.utcTime ? `${Number(text.slice(0, 2)) < 50 ? "20" : "19"}${text}` : text;
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full);
  if (parts === null || (tag !== Tag.utcTime && tag !== Tag.generalizedTime)) return undefined;
  return `${parts[1]}-${parts[2]}-${parts[3]}T${parts[4]}:${parts[5]}:${parts[6]}Z`;
}
