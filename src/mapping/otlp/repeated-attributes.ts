/**
 * Spans of one kind that leave one process together have most of their attributes in common: of those that are what they were
 * in the span before, the bytes are copied, a whole run at a time.
 */
import type { Attribute } from "../span.ts";
import { writeAttribute } from "./attributes.ts";
import type { ReverseWriter } from "./reverse-writer.ts";

export class RepeatedAttributes {
  readonly #fieldTag: number;
  /** Of the span before, and the length of the writer in front of and behind each of them: they lie one after the other. */
  #attributes: readonly Attribute[] = [];
  #ends: number[] = [];
  #start = 0;
  /** The array that the next span's ends go to. */
  #spare: number[] = [];

  constructor(fieldTag: number) {
    this.#fieldTag = fieldTag;
  }

  /** The writer was cleared: what was written is not there any more. */
  forget(): void {
    this.#attributes = [];
  }

  /** The same bytes as `writeAttributes`. */
  write(writer: ReverseWriter, attributes: readonly Attribute[]): void {
    const before = this.#attributes;
    const ends = this.#spare;
    const start = writer.length;
    let from = before.length - 1;
    for (let i = attributes.length - 1; i >= 0; ) {
      const last = i;
      const lastFrom = from;
      while (i >= 0 && from >= 0 && isSame(attributes[i]!, before[from]!)) {
        i--;
        from--;
      }
      if (i < last) {
        this.#copy(writer, lastFrom, from + 1, ends, last);
        continue;
      }
      const attribute = attributes[i]!;
      writeAttribute(writer, this.#fieldTag, attribute);
      ends[i--] = writer.length;
      // Where one has more attributes than the other, they meet again at the next key that both have.
      const index = indexOfKey(before, attribute[0], from);
      if (index >= 0) from = index - 1;
    }
    this.#attributes = attributes;
    this.#start = start;
    this.#spare = this.#ends;
    this.#ends = ends;
  }

  /** Those of the span before from `last` down to `first`, as the attributes that end with `lastNow`. */
  #copy(writer: ReverseWriter, last: number, first: number, ends: number[], lastNow: number): void {
    const from = last + 1 < this.#attributes.length ? this.#ends[last + 1]! : this.#start;
    const moved = writer.length - from;
    writer.repeat(from, this.#ends[first]!);
    for (let index = last, now = lastNow; index >= first; index--, now--) ends[now] = this.#ends[index]! + moved;
  }
}

function isSame(left: Attribute, right: Attribute): boolean {
  return left === right || (left[1] === right[1] && left[0] === right[0]);
}

/** At or before `from`; negative: nowhere. */
function indexOfKey(attributes: readonly Attribute[], key: string, from: number): number {
  let index = from;
  while (index >= 0 && attributes[index]![0] !== key) index--;
  return index;
}
