/**
 * Room for encoded bytes until they are put together: a few large blocks, used again and again. An array of its own for each
 * chunk would be allocated, zeroed and collected for a few milliseconds of use.
 */
const BLOCK_SIZE_BYTES = 512 * 1024;
/** Kept when everything has gone: as much as one request may have. */
const KEPT_BLOCKS = 8;

export class ChunkStore {
  readonly #blocks: Uint8Array[] = [];
  #block = 0;
  #used = 0;

  /** @returns a copy, which is good until `clear` */
  keep(bytes: Uint8Array): Uint8Array {
    if (bytes.length > BLOCK_SIZE_BYTES) return bytes.slice();
    if (this.#used + bytes.length > BLOCK_SIZE_BYTES) {
      this.#block++;
      this.#used = 0;
    }
    if (this.#block === this.#blocks.length) this.#blocks.push(new Uint8Array(BLOCK_SIZE_BYTES));
    const block = this.#blocks[this.#block]!;
    block.set(bytes, this.#used);
    this.#used += bytes.length;
    return block.subarray(this.#used - bytes.length, this.#used);
  }

  clear(): void {
    if (this.#blocks.length > KEPT_BLOCKS) this.#blocks.length = KEPT_BLOCKS;
    this.#block = 0;
    this.#used = 0;
  }
}
