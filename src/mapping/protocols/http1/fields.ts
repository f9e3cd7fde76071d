/** The header lines of a head, latin1, as they came. */
import { latin1 } from "../../latin1.ts";
import { type Framing, headerOf, mayHave, parseFraming } from "./head.ts";

export class HeaderFields {
  readonly framing: Framing;
  readonly #lines: string;
  /** Of fields that came again: by the names that were asked for. */
  #values: Map<string, string | undefined> | undefined;

  private constructor(lines: string, framing: Framing) {
    this.#lines = lines;
    this.framing = framing;
  }

  /** @returns undefined where recipients may differ about the body (parseFraming) */
  static parse(lines: string): HeaderFields | undefined {
    const framing = parseFraming(lines, 0);
    return framing === undefined ? undefined : new HeaderFields(lines, framing);
  }

  /** They have come again, and what was found in them is kept from now on. */
  cameAgain(): void {
    this.#values ??= new Map();
  }

  /** Of the first field of that name. @param name lower case */
  valueOf(name: string): string | undefined {
    // Most of what is asked for is not there, and its initial says so.
    if (!mayHave(this.framing.initials, name)) return undefined;
    const values = this.#values;
    if (values === undefined) return headerOf(this.#lines, this.framing.initials, name);
    const known = values.get(name);
    if (known !== undefined || values.has(name)) return known;
    const value = headerOf(this.#lines, this.framing.initials, name);
    values.set(name, value);
    return value;
  }
}

const SLOTS = 512;
const SLOT_SIZE_BYTES = 1024;
const SAMPLES = 8;

/**
 * Fields of heads seen lately. A program sends the same lines with each request or answer, mostly: bytes that are the same as
 * before have the same end and the same meaning, so they are neither searched for their end, nor decoded, nor parsed.
 * One of 512 KiB serves all connections; what does not fit is parsed each time.
 */
export class RecentFields {
  readonly #bytes = Buffer.alloc(SLOTS * SLOT_SIZE_BYTES);
  readonly #lengths = new Uint16Array(SLOTS);
  readonly #fields: (HeaderFields | undefined)[] = new Array(SLOTS).fill(undefined);

  /** @returns the fields of the slot where these bytes go on with them, else undefined. The slot may be any number. */
  match(slot: number, bytes: Uint8Array, from: number): HeaderFields | undefined {
    const fields = this.#fields[slot];
    if (fields === undefined) return undefined;
    const length = this.#lengths[slot]!;
    const start = slot * SLOT_SIZE_BYTES;
    if (from + length > bytes.length) return undefined;
    if (this.#bytes.compare(bytes, from, from + length, start, start + length) !== 0) return undefined;
    fields.cameAgain();
    return fields;
  }

  lengthOf(slot: number): number {
    return this.#lengths[slot]!;
  }

  /** Where fields are that lie between these places, or would be. */
  slotOf(bytes: Uint8Array, from: number, to: number): number {
    let hash = to - from;
    const step = Math.max(1, Math.floor((to - from) / SAMPLES));
    for (let at = from; at < to; at += step) hash = (Math.imul(hash, 31) + bytes[at]!) | 0;
    return (hash >>> 0) % SLOTS;
  }

  /**
   * The fields between these places, as they were parsed when they came before, or anew.
   *
   * @returns undefined as HeaderFields.parse()
   */
  read(slot: number, bytes: Uint8Array, from: number, to: number): HeaderFields | undefined {
    const known = this.match(slot, bytes, from);
    if (known !== undefined) return known;
    const fields = HeaderFields.parse(latin1(bytes, from, to));
    if (fields === undefined || to - from > SLOT_SIZE_BYTES) return fields;
    this.#bytes.set(bytes.subarray(from, to), slot * SLOT_SIZE_BYTES);
    this.#lengths[slot] = to - from;
    this.#fields[slot] = fields;
    return fields;
  }
}
