/** How values of attributes are written (DWARF 5, 7.5.5; DWARF 4, 7.5.4; GNU's of dwz and of split files). */
import type { DwarfReader } from "../unwind/dwarf-reader.ts";

export const Form = {
  addr: 0x01,
  data2: 0x05,
  data4: 0x06,
  data8: 0x07,
  string: 0x08,
  data1: 0x0b,
  sdata: 0x0d,
  strp: 0x0e,
  udata: 0x0f,
  refAddr: 0x10,
  ref1: 0x11,
  refUdata: 0x15,
  indirect: 0x16,
  secOffset: 0x17,
  strx: 0x1a,
  addrx: 0x1b,
  data16: 0x1e,
  lineStrp: 0x1f,
  implicitConst: 0x21,
  rnglistx: 0x23,
  strx1: 0x25,
  strx4: 0x28,
  addrx1: 0x29,
  addrx4: 0x2c,
} as const;

/** What sizes of values depend on. */
export interface FormSizes {
  readonly version: number;
  /** 4, or 8 in DWARF of 64 bits. */
  readonly offsetBytes: number;
}

/** Bytes of a form that always has as many; undefined: they have to be read. */
export function fixedSize(form: number, { version, offsetBytes }: FormSizes): number | undefined {
  switch (form) {
    case 0x19: // flag_present
    case Form.implicitConst:
      return 0;
    case Form.data1:
    case 0x0c: // flag
    case Form.ref1:
    case Form.strx1:
    case Form.addrx1:
      return 1;
    case Form.data2:
    case 0x12: // ref2
    case 0x26: // strx2
    case 0x2a: // addrx2
      return 2;
    case 0x27: // strx3
    case 0x2b: // addrx3
      return 3;
    case Form.data4:
    case 0x13: // ref4
    case 0x1c: // ref_sup4
    case Form.strx4:
    case Form.addrx4:
      return 4;
    case Form.addr:
    case Form.data8:
    case 0x14: // ref8
    case 0x20: // ref_sig8
    case 0x24: // ref_sup8
      return 8;
    case Form.data16:
      return 16;
    case Form.refAddr:
      // The size of an address before DWARF 3.
      return version < 3 ? 8 : offsetBytes;
    case Form.strp:
    case Form.secOffset:
    case 0x1d: // strp_sup
    case Form.lineStrp:
    case 0x1f20: // GNU_ref_alt
    case 0x1f21: // GNU_strp_alt
      return offsetBytes;
    default:
      return undefined;
  }
}

/**
 * A constant, an offset, an index or an address; of a string in place its offset in the reader; 0 for what is only skipped.
 * @returns undefined for a form that nobody has defined: nothing behind it can be read
 */
export function readForm(reader: DwarfReader, form: number, sizes: FormSizes, implicit = 0): number | undefined {
  const size = fixedSize(form, sizes);
  if (size !== undefined) return form === Form.implicitConst ? implicit : ofSize(reader, size);
  switch (form) {
    case Form.sdata:
      return reader.sleb();
    case Form.udata:
    case Form.refUdata:
    case Form.strx:
    case Form.addrx:
    case 0x22: // loclistx
    case Form.rnglistx:
    case 0x1f01: // GNU_addr_index
    case 0x1f02: // GNU_str_index
      return reader.uleb();
    case Form.string: {
      const { at } = reader;
      while (reader.u8() !== 0);
      return at;
    }
    case 0x0a: // block1
      return skipped(reader, reader.u8());
    case 0x03: // block2
      return skipped(reader, reader.u16());
    case 0x04: // block4
      return skipped(reader, reader.u32());
    case 0x09: // block
    case 0x18: // exprloc
      return skipped(reader, reader.uleb());
    case Form.indirect: {
      const actual = reader.uleb();
      return actual === Form.indirect || actual === Form.implicitConst ? undefined : readForm(reader, actual, sizes);
    }
    default:
      return undefined;
  }
}

function ofSize(reader: DwarfReader, size: number): number {
  switch (size) {
    case 0:
      return 1;
    case 1:
      return reader.u8();
    case 2:
      return reader.u16();
    case 3:
      return reader.u16() + reader.u8() * 0x1_0000;
    case 4:
      return reader.u32();
    case 8:
      return reader.u64();
    default:
      return skipped(reader, size);
  }
}

function skipped(reader: DwarfReader, count: number): number {
  reader.skip(count);
  return 0;
}

export function isAddressIndex(form: number): boolean {
  return form === Form.addrx || (form >= Form.addrx1 && form <= Form.addrx4) || form === 0x1f01;
}

/** Relative to the unit: ref1 to ref8, ref_udata. */
export function isUnitReference(form: number): boolean {
  return form >= Form.ref1 && form <= Form.refUdata;
}
