/** A cursor over DWARF data of a stranger's file: what lies beyond the end reads as 0, and says so. */

/** Pointer encodings of .eh_frame (LSB Core 5.0, 10.5.1). */
const FORMAT_MASK = 0x0f;
const APPLICATION_MASK = 0x70;
const PC_RELATIVE = 0x10;
const OMITTED = 0xff;

export class DwarfReader {
  readonly #view: DataView;
  readonly #end: number;
  at: number;
  /** Something was read that is not there. */
  isBroken = false;

  constructor(view: DataView, start: number, end: number) {
    this.#view = view;
    this.#end = Math.min(end, view.byteLength);
    this.at = start;
  }

  get isAtEnd(): boolean {
    return this.at >= this.#end;
  }

  u8(): number {
    return this.#take(1) ? this.#view.getUint8(this.at - 1) : 0;
  }

  u16(): number {
    return this.#take(2) ? this.#view.getUint16(this.at - 2, true) : 0;
  }

  u32(): number {
    return this.#take(4) ? this.#view.getUint32(this.at - 4, true) : 0;
  }

  i32(): number {
    return this.u32() | 0;
  }

  /** Exact below 2^53. */
  u64(): number {
    const low = this.u32();
    return this.u32() * 0x1_0000_0000 + low;
  }

  uleb(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if ((byte & 0x80) === 0 || this.isBroken) return value;
    }
  }

  sleb(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if ((byte & 0x80) !== 0 && !this.isBroken) continue;
      return (byte & 0x40) === 0 ? value : value - scale * 128;
    }
  }

  skip(count: number): void {
    this.#take(count);
  }

  /** Up to its NUL, which is passed. */
  string(): string {
    const start = this.at;
    while (this.u8() !== 0);
    const end = this.isBroken ? this.at : this.at - 1;
    return Buffer.from(this.#view.buffer, this.#view.byteOffset + start, end - start).toString("utf8");
  }

  /**
   * A pointer by its encoding.
   * @param base address of byte 0 of the view
   * @returns undefined where nothing, or nothing that we follow, is encoded
   */
  pointer(encoding: number, base: number): number | undefined {
    if (encoding === OMITTED) return undefined;
    const place = base + this.at;
    const value = this.#formatted(encoding & FORMAT_MASK);
    if (value === undefined) return undefined;
    const application = encoding & APPLICATION_MASK;
    if (application === PC_RELATIVE) return place + value;
    return application === 0 ? value : undefined;
  }

  #formatted(format: number): number | undefined {
    switch (format) {
      case 0x00:
      case 0x04:
        return this.u64();
      case 0x01:
        return this.uleb();
      case 0x02:
        return this.u16();
      case 0x03:
        return this.u32();
      case 0x09:
        return this.sleb();
      case 0x0a:
        return (this.u16() << 16) >> 16;
      case 0x0b:
        return this.i32();
      case 0x0c: {
        const low = this.u32();
        return this.i32() * 0x1_0000_0000 + low;
      }
      default:
        return undefined;
    }
  }

  #take(count: number): boolean {
    if (count < 0 || this.at + count > this.#end) {
      this.at = this.#end;
      this.isBroken = true;
      return false;
    }
    this.at += count;
    return true;
  }
}
