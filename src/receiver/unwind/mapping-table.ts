/** unwind_mappings of bpf/profile_event.h, written in place: what lies where in a process. */
import { encodeUnwindMapping, PROFILE_LAYOUT, type UnwindMapping } from "../../bpf/layout.gen.ts";
import { type Range, RangeSpace } from "./range-space.ts";

const { sizeBytes: SIZE, offsets } = PROFILE_LAYOUT.unwind_mapping;
/** Of no description: programs that still look here learn that theirs is stale. */
const NO_GENERATION = 0;

export class MappingTable {
  readonly #view: DataView;
  readonly #words: BigUint64Array;
  readonly #space: RangeSpace;

  constructor(bytes: Uint8Array, space = new RangeSpace(Math.floor(bytes.length / SIZE))) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#words = new BigUint64Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / 8));
    this.#space = space;
  }

  get usedCount(): number {
    return this.#space.usedCount;
  }

  /** undefined: there is no room. */
  add(mappings: readonly UnwindMapping[]): Range | undefined {
    const range = this.#space.take(mappings.length);
    if (range === undefined) return undefined;
    mappings.forEach((mapping, index) => {
      encodeUnwindMapping(this.#view, (range.first + index) * SIZE, mapping);
    });
    return range;
  }

  /** From now on the code that is mapped here has no rows. Both numbers at once: a program never sees half of it. */
  withdrawRows(index: number): void {
    Atomics.store(this.#words, (index * SIZE + offsets.first_row) / 8, 0n);
  }

  remove(range: Range): void {
    for (let index = range.first; index < range.first + range.count; index++) {
      this.#view.setUint32(index * SIZE + offsets.generation, NO_GENERATION, true);
    }
    this.#space.giveBack(range);
  }
}
