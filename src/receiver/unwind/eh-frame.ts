/** .eh_frame (LSB Core 5.0, 10.6): which code is described, and by which instructions. */
import { DwarfReader } from "./dwarf-reader.ts";

/** What the descriptions of many functions have in common. */
interface CommonEntry {
  readonly codeAlignment: number;
  readonly dataAlignment: number;
  readonly returnRegister: number;
  readonly pointerEncoding: number;
  /** Augmentation `z`: each description says how long its own is. */
  readonly hasLength: boolean;
  /** Augmentation `S`: the kernel's signal frame. */
  readonly isSignalFrame: boolean;
  readonly instructionsStart: number;
  readonly instructionsEnd: number;
}

/** The description of a stretch of code. Instructions are offsets in the section. */
export interface FrameDescription {
  readonly common: CommonEntry;
  readonly start: number;
  readonly end: number;
  readonly instructionsStart: number;
  readonly instructionsEnd: number;
}

const DESCRIPTION_LIMIT = 4_000_000;

/** @param address of the section in the image @returns ordered by address; what is broken is left out */
export function readEhFrame(view: DataView, address: number): FrameDescription[] {
  const commons = new Map<number, CommonEntry | undefined>();
  const descriptions: FrameDescription[] = [];
  for (let at = 0; at + 8 <= view.byteLength && descriptions.length < DESCRIPTION_LIMIT; ) {
    const length = view.getUint32(at, true);
    // 0 ends the table; 0xffffffff is 64-bit DWARF, which no compiler writes here.
    if (length === 0 || length === 0xffffffff) {
      if (length !== 0) break;
      at += 4;
      continue;
    }
    const end = at + 4 + length;
    if (end > view.byteLength || length < 4) break;
    const distance = view.getUint32(at + 4, true);
    if (distance !== 0) {
      const commonAt = at + 4 - distance;
      if (!commons.has(commonAt)) commons.set(commonAt, readCommon(view, commonAt));
      const common = commons.get(commonAt);
      const description = common === undefined ? undefined : readDescription(view, at + 8, end, address, common);
      if (description !== undefined) descriptions.push(description);
    }
    at = end;
  }
  return descriptions.sort((a, b) => a.start - b.start);
}

function readCommon(view: DataView, at: number): CommonEntry | undefined {
  if (at < 0 || at + 8 > view.byteLength || view.getUint32(at + 4, true) !== 0) return undefined;
  const end = at + 4 + view.getUint32(at, true);
  const reader = new DwarfReader(view, at + 8, end);
  const version = reader.u8();
  if (version !== 1 && version !== 3) return undefined;
  let augmentation = "";
  for (let byte = reader.u8(); byte !== 0 && augmentation.length < 16; byte = reader.u8()) {
    augmentation += String.fromCharCode(byte);
  }
  const codeAlignment = reader.uleb();
  const dataAlignment = reader.sleb();
  const returnRegister = version === 1 ? reader.u8() : reader.uleb();
  const hasLength = augmentation.startsWith("z");
  if (augmentation !== "" && !hasLength) return undefined;
  let pointerEncoding = 0;
  let instructionsStart = reader.at;
  if (hasLength) {
    const augmentationLength = reader.uleb();
    instructionsStart = reader.at + augmentationLength;
    for (const letter of augmentation.slice(1)) {
      if (letter === "R") pointerEncoding = reader.u8();
      else if (letter === "L") reader.u8();
      else if (letter === "P") reader.pointer(reader.u8(), 0);
      else if (letter !== "S" && letter !== "B") break;
    }
  }
  if (reader.isBroken || instructionsStart > end) return undefined;
  return {
    codeAlignment,
    dataAlignment,
    returnRegister,
    pointerEncoding,
    hasLength,
    isSignalFrame: augmentation.includes("S"),
    instructionsStart,
    instructionsEnd: end,
  };
}

function readDescription(
  view: DataView,
  at: number,
  end: number,
  address: number,
  common: CommonEntry,
): FrameDescription | undefined {
  const reader = new DwarfReader(view, at, end);
  const start = reader.pointer(common.pointerEncoding, address);
  const length = reader.pointer(common.pointerEncoding & 0x0f, 0);
  if (common.hasLength) reader.skip(reader.uleb());
  if (start === undefined || length === undefined || length <= 0 || reader.isBroken) return undefined;
  return { common, start, end: start + length, instructionsStart: reader.at, instructionsEnd: end };
}
