/**
 * Ids that two hosts compute alike, with no coordination: hashes of what both ends of a connection know.
 *
 * Every TCP socket knows the first data sequence numbers of both directions; with the 64-bit offset of the request in
 * its direction they name an exchange, behind NAT and in any network namespace. The sender's number comes first, so
 * the order says the direction.
 */

import { latin1 } from "./latin1.ts";

/** Bits of one id: two of them for a span id, four for a trace id. */
export interface ExchangeId {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

const CLIENT_SPAN = 0x436c6e74;
const SERVER_SPAN = 0x53727672;
const TRACE = 0x54726163;

/**
 * @param senderSequence first data sequence number of the end that sent the request
 * @param receiverSequence the same of the other end
 * @param offset of the request's first byte in its direction, up to 2^53
 * @param salt tells apart what the other numbers can't: UDP ports, a payload's hash; else 0
 */
export function exchangeId(senderSequence: number, receiverSequence: number, offset: number, salt: number): ExchangeId {
  const low = offset | 0;
  const high = Math.floor(offset / 4_294_967_296) | 0;
  let a = mix(senderSequence ^ 0x9e3779b9);
  let b = mix(receiverSequence + 0x7f4a7c15);
  let c = mix(low ^ 0x94d049bb);
  let d = mix((high + 0x133111eb) ^ Math.imul(salt, 0x2545f491));
  for (let round = 0; round < 3; round++) {
    a = mix(a + Math.imul(b, 0x85ebca6b) + round);
    b = mix(b ^ Math.imul(c, 0xc2b2ae35));
    c = mix(c + Math.imul(d, 0x27d4eb2f));
    d = mix(d ^ Math.imul(a, 0x165667b1));
  }
  return { a, b, c, d };
}

export function isSameExchange(left: ExchangeId, right: ExchangeId): boolean {
  return left.a === right.a && left.b === right.b && left.c === right.c && left.d === right.d;
}

export function clientSpanId(id: ExchangeId): string {
  return spanId(id, CLIENT_SPAN);
}

export function serverSpanId(id: ExchangeId): string {
  return spanId(id, SERVER_SPAN);
}

/** The trace id of a trace that begins with this exchange. */
export function traceIdOf(id: ExchangeId): string {
  const a = mix(id.a ^ TRACE);
  const b = mix(id.b + Math.imul(a, 0x85ebca6b));
  const c = mix(id.c ^ Math.imul(b, 0xc2b2ae35));
  const d = mix(id.d + Math.imul(c, 0x27d4eb2f));
  // W3C Trace Context: all zeros is no id.
  putHex(0, a);
  putHex(8, b);
  putHex(16, c);
  putHex(24, (a | b | c | d) === 0 ? 1 : d);
  return latin1(scratch, 0, 32);
}

function spanId(id: ExchangeId, purpose: number): string {
  const high = mix(id.a + Math.imul(id.c ^ purpose, 0x85ebca6b));
  const low = mix(id.b ^ Math.imul(id.d + high, 0xc2b2ae35) ^ purpose);
  putHex(0, high);
  putHex(8, (high | low) === 0 ? 1 : low);
  return latin1(scratch, 0, 16);
}

/** FNV-1a over the bytes, mixed. */
export function hash32(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < bytes.length; index++) hash = Math.imul(hash ^ bytes[index]!, 0x01000193);
  return mix(hash) >>> 0;
}

/** A bijection of 32 bits with full avalanche (the finalizer found by Wellons' hash-prospector search). */
function mix(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return x ^ (x >>> 15);
}

/** Ids are made from bytes: strings that are put together of many parts cost their reader more than their maker. */
const scratch = new Uint8Array(32);
const DIGITS = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));

function putHex(at: number, value: number): void {
  for (let index = 0; index < 8; index++) scratch[at + index] = DIGITS[(value >>> (28 - index * 4)) & 15]!;
}
