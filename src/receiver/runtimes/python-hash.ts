/**
 * CPython's hash of a string (Python/pyhash.c): SipHash-1-3 since 3.11, with a secret of the process. By it one name is
 * found in a dictionary of thousands by a few reads.
 */
import { viewOf } from "../elf/elf-file.ts";

const SECRET_BYTES = 16;
const WORD = (1n << 64n) - 1n;

export class PythonHash {
  readonly #secret: readonly [bigint, bigint];

  /** @param secret the bytes of _Py_HashSecret; undefined where they are fewer */
  static from(secret: Uint8Array): PythonHash | undefined {
    return secret.length < SECRET_BYTES ? undefined : new PythonHash(secret);
  }

  private constructor(secret: Uint8Array) {
    const view = viewOf(secret);
    this.#secret = [view.getBigUint64(0, true), view.getBigUint64(8, true)];
  }

  /** @param text compact ASCII, not empty */
  of(text: string): bigint {
    const hash = sipHash13(...this.#secret, Buffer.from(text, "latin1"));
    // -1 means an error.
    return hash === WORD ? WORD - 1n : hash;
  }
}

function sipHash13(key0: bigint, key1: bigint, bytes: Buffer): bigint {
  let [a, b] = [key0 ^ 0x736f6d6570736575n, key1 ^ 0x646f72616e646f6dn];
  let [c, d] = [key0 ^ 0x6c7967656e657261n, key1 ^ 0x7465646279746573n];
  const round = () => {
    a = (a + b) & WORD;
    b = rotated(b, 13n) ^ a;
    a = rotated(a, 32n);
    c = (c + d) & WORD;
    d = rotated(d, 16n) ^ c;
    a = (a + d) & WORD;
    d = rotated(d, 21n) ^ a;
    c = (c + b) & WORD;
    b = rotated(b, 17n) ^ c;
    c = rotated(c, 32n);
  };
  const padded = Buffer.alloc(8 * (Math.floor(bytes.length / 8) + 1));
  bytes.copy(padded);
  padded[padded.length - 1] = bytes.length & 0xff;
  for (let at = 0; at < padded.length; at += 8) {
    const word = padded.readBigUInt64LE(at);
    d ^= word;
    round();
    a ^= word;
  }
  c ^= 0xffn;
  for (let count = 0; count < 3; count++) round();
  return a ^ b ^ c ^ d;
}

function rotated(value: bigint, by: bigint): bigint {
  return ((value << by) | (value >> (64n - by))) & WORD;
}

/** The order in which a table of 2^sizeLog2 places is searched (Objects/dictobject.c). */
export function* probes(hash: bigint, sizeLog2: number): Generator<number> {
  const mask = (1n << BigInt(sizeLog2)) - 1n;
  let perturb = hash;
  let at = hash & mask;
  for (let count = 0; count < 2 ** sizeLog2; count++) {
    yield Number(at);
    perturb >>= 5n;
    at = (at * 5n + perturb + 1n) & mask;
  }
}
