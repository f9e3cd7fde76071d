/**
 * Runs call frame instructions (DWARF 5, 6.4.2) of x86-64 code, and says for each stretch of addresses how the caller's
 * frame is found. Only what bpf/profile/unwind.bpf.h follows is told apart: the stack pointer, rbp, the return address.
 */
import { UnwindKind } from "../../bpf/layout.gen.ts";
import { DwarfReader } from "./dwarf-reader.ts";
import type { FrameDescription } from "./eh-frame.ts";

/** One row: how to unwind from `address` on. As struct unwind_row. */
export interface FrameRow {
  readonly kind: number;
  readonly cfaOffset: number;
  readonly framePointer: number;
}

const RBP = 6;
const RSP = 7;
const RETURN_ADDRESS = 16;

const SAME = 0;
const AT_OFFSET = 1;
const UNDEFINED = 2;
const OTHER = 3;
/** DW_CFA_expression {breg6 0}: saved where rbp points to now. */
const AT_FRAME_POINTER = 4;

/** Call frame instructions that have no operand in their first byte (DWARF 5, 7.24; LSB 5, 10.5.1 for GNU's). */
const Instruction = {
  nop: 0x00,
  setLoc: 0x01,
  advanceLoc1: 0x02,
  advanceLoc2: 0x03,
  advanceLoc4: 0x04,
  offsetExtended: 0x05,
  restoreExtended: 0x06,
  undefinedRegister: 0x07,
  sameValue: 0x08,
  register: 0x09,
  rememberState: 0x0a,
  restoreState: 0x0b,
  defCfa: 0x0c,
  defCfaRegister: 0x0d,
  defCfaOffset: 0x0e,
  defCfaExpression: 0x0f,
  expression: 0x10,
  offsetExtendedSf: 0x11,
  defCfaSf: 0x12,
  defCfaOffsetSf: 0x13,
  valOffset: 0x14,
  valOffsetSf: 0x15,
  valExpression: 0x16,
  gnuArgsSize: 0x2e,
  gnuNegativeOffsetExtended: 0x2f,
} as const;

/** The bytes of DW_OP_breg6 0, as a little-endian number. */
const BREG6_0 = 0x0076;

const CfaKind = { register: 0, plt: 1, framePointerLoad: 2, other: 3 } as const;
type CfaKind = (typeof CfaKind)[keyof typeof CfaKind];

class State {
  cfaKind: CfaKind = CfaKind.other;
  cfaRegister = RSP;
  cfaOffset = 8;
  fpRule = SAME;
  fpOffset = 0;
  returnRule = UNDEFINED;
  returnOffset = 0;

  copy(): State {
    return Object.assign(new State(), this);
  }
}

const REMEMBERED_LIMIT = 64;
const INSTRUCTION_LIMIT = 100_000;

/** Gives the rows of one description, by address. @returns how many instructions that took */
export function runFrameProgram(
  view: DataView,
  description: FrameDescription,
  row: (address: number, row: FrameRow) => void,
): number {
  const { common, start, end } = description;
  if (common.isSignalFrame) {
    row(start, { kind: UnwindKind.signal, cfaOffset: 0, framePointer: 0 });
    return 0;
  }
  if (common.returnRegister !== RETURN_ADDRESS) {
    row(start, UNSUPPORTED);
    return 0;
  }
  const program = new FrameProgram(description, row);
  const initial = new DwarfReader(view, common.instructionsStart, common.instructionsEnd);
  const before = program.run(initial, view);
  program.begin();
  const own = program.run(new DwarfReader(view, description.instructionsStart, description.instructionsEnd), view);
  if (program.address < end) program.emit();
  return before + own;
}

class FrameProgram {
  readonly #description: FrameDescription;
  readonly #row: (address: number, row: FrameRow) => void;
  readonly #remembered: State[] = [];
  #state = new State();
  #initial = new State();
  address: number;

  constructor(description: FrameDescription, row: (address: number, row: FrameRow) => void) {
    this.#description = description;
    this.#row = row;
    this.address = description.start;
  }

  /** What was run so far holds at the start of each description. */
  begin(): void {
    this.#initial = this.#state.copy();
  }

  emit(): void {
    this.#row(this.address, rowOf(this.#state));
  }

  run(reader: DwarfReader, view: DataView): number {
    let count = 0;
    for (; !reader.isAtEnd && count < INSTRUCTION_LIMIT; count++) {
      const byte = reader.u8();
      const operand = byte & 0x3f;
      switch (byte & 0xc0) {
        case 0x40:
          this.#advance(operand);
          break;
        case 0x80:
          this.#setOffset(operand, reader.uleb() * this.#description.common.dataAlignment);
          break;
        case 0xc0:
          this.#restore(operand);
          break;
        default:
          this.#extended(operand, reader, view);
      }
    }
    return count;
  }

  #advance(delta: number): void {
    if (delta === 0) return;
    this.emit();
    this.address += delta * this.#description.common.codeAlignment;
  }

  #extended(operation: number, reader: DwarfReader, view: DataView): void {
    switch (operation) {
      case Instruction.nop:
        break;
      case Instruction.setLoc: // with relocated code only
        reader.pointer(this.#description.common.pointerEncoding, 0);
        this.#state.cfaKind = CfaKind.other;
        break;
      case Instruction.advanceLoc1:
        this.#advance(reader.u8());
        break;
      case Instruction.advanceLoc2:
        this.#advance(reader.u16());
        break;
      case Instruction.advanceLoc4:
        this.#advance(reader.u32());
        break;
      case Instruction.rememberState:
        if (this.#remembered.length < REMEMBERED_LIMIT) this.#remembered.push(this.#state.copy());
        break;
      case Instruction.restoreState:
        // GCC means the CFA too, as all unwinders do.
        this.#state = this.#remembered.pop() ?? this.#state;
        break;
      case Instruction.gnuArgsSize:
        reader.uleb();
        break;
      default:
        if (this.#cfaInstruction(operation, reader, view) || this.#ruleInstruction(operation, reader, view)) break;
        this.#state.cfaKind = CfaKind.other;
        reader.skip(Number.MAX_SAFE_INTEGER);
    }
  }

  /** @returns false: it is none that says where the caller's frame is */
  #cfaInstruction(operation: number, reader: DwarfReader, view: DataView): boolean {
    const state = this.#state;
    const { dataAlignment } = this.#description.common;
    switch (operation) {
      case Instruction.defCfa:
        this.#defineCfa(reader.uleb(), reader.uleb());
        return true;
      case Instruction.defCfaSf:
        this.#defineCfa(reader.uleb(), reader.sleb() * dataAlignment);
        return true;
      case Instruction.defCfaRegister:
        this.#defineCfa(reader.uleb(), state.cfaOffset);
        return true;
      case Instruction.defCfaOffset:
        state.cfaOffset = reader.uleb();
        return true;
      case Instruction.defCfaOffsetSf:
        state.cfaOffset = reader.sleb() * dataAlignment;
        return true;
      case Instruction.defCfaExpression:
        this.#defineCfaExpression(view, reader);
        return true;
      default:
        return false;
    }
  }

  /** @returns false: it is none that says where a register was saved */
  #ruleInstruction(operation: number, reader: DwarfReader, view: DataView): boolean {
    const { dataAlignment } = this.#description.common;
    switch (operation) {
      case Instruction.offsetExtended:
        this.#setOffset(reader.uleb(), reader.uleb() * dataAlignment);
        return true;
      case Instruction.offsetExtendedSf:
        this.#setOffset(reader.uleb(), reader.sleb() * dataAlignment);
        return true;
      case Instruction.gnuNegativeOffsetExtended:
        this.#setOffset(reader.uleb(), -reader.uleb() * dataAlignment);
        return true;
      case Instruction.restoreExtended:
        this.#restore(reader.uleb());
        return true;
      case Instruction.undefinedRegister:
        this.#setRule(reader.uleb(), UNDEFINED);
        return true;
      case Instruction.sameValue:
        this.#setRule(reader.uleb(), SAME);
        return true;
      case Instruction.register:
      case Instruction.valOffset:
      case Instruction.valOffsetSf:
        this.#setRule(reader.uleb(), OTHER);
        reader.uleb();
        return true;
      case Instruction.valExpression:
        this.#setRule(reader.uleb(), OTHER);
        reader.skip(reader.uleb());
        return true;
      case Instruction.expression: {
        const register = reader.uleb();
        const length = reader.uleb();
        const isAtFramePointer = length === 2 && view.getUint16(reader.at, true) === BREG6_0;
        reader.skip(length);
        this.#setRule(register, register === RBP && isAtFramePointer ? AT_FRAME_POINTER : OTHER);
        return true;
      }
      default:
        return false;
    }
  }

  #defineCfa(register: number, offset: number): void {
    const state = this.#state;
    state.cfaKind = register === RSP || register === RBP ? CfaKind.register : CfaKind.other;
    state.cfaRegister = register;
    state.cfaOffset = offset;
  }

  #defineCfaExpression(view: DataView, reader: DwarfReader): void {
    const length = reader.uleb();
    const start = reader.at;
    reader.skip(length);
    const state = this.#state;
    state.cfaKind = CfaKind.other;
    if (reader.isBroken) return;
    const threshold = pltThreshold(view, start, length);
    const load = framePointerLoad(view, start, length);
    if (threshold !== undefined) {
      state.cfaKind = CfaKind.plt;
      state.cfaOffset = threshold;
    } else if (load !== undefined) {
      state.cfaKind = CfaKind.framePointerLoad;
      state.cfaOffset = load;
    }
  }

  #setOffset(register: number, offset: number): void {
    if (register === RBP) {
      this.#state.fpRule = AT_OFFSET;
      this.#state.fpOffset = offset;
    } else if (register === RETURN_ADDRESS) {
      this.#state.returnRule = AT_OFFSET;
      this.#state.returnOffset = offset;
    }
  }

  #setRule(register: number, rule: number): void {
    if (register === RBP) this.#state.fpRule = rule;
    else if (register === RETURN_ADDRESS) this.#state.returnRule = rule;
  }

  #restore(register: number): void {
    if (register === RBP) {
      this.#state.fpRule = this.#initial.fpRule;
      this.#state.fpOffset = this.#initial.fpOffset;
    } else if (register === RETURN_ADDRESS) {
      this.#state.returnRule = this.#initial.returnRule;
      this.#state.returnOffset = this.#initial.returnOffset;
    }
  }
}

const UNSUPPORTED: FrameRow = { kind: UnwindKind.unsupported, cfaOffset: 0, framePointer: 0 };
const END: FrameRow = { kind: UnwindKind.end, cfaOffset: 0, framePointer: 0 };

function rowOf(state: State): FrameRow {
  if (state.returnRule === UNDEFINED) return END;
  if (state.returnRule !== AT_OFFSET || state.returnOffset !== -8) return UNSUPPORTED;
  const framePointer = state.fpRule === AT_OFFSET ? state.fpOffset / 8 : 0;
  if (!Number.isInteger(framePointer) || framePointer < -128 || framePointer > 127) return UNSUPPORTED;
  if (state.cfaKind === CfaKind.plt) return { kind: UnwindKind.plt, cfaOffset: state.cfaOffset, framePointer: 0 };
  const cfaOffset = state.cfaOffset / 8;
  if (!Number.isInteger(cfaOffset) || cfaOffset < -32768 || cfaOffset > 32767) return UNSUPPORTED;
  if (state.cfaKind === CfaKind.framePointerLoad) {
    return state.fpRule === AT_FRAME_POINTER ? { kind: UnwindKind.fpLoad, cfaOffset, framePointer: 0 } : UNSUPPORTED;
  }
  // A caller's rbp that is not known matters only where that caller is found by it.
  if (state.cfaKind !== CfaKind.register) return UNSUPPORTED;
  return { kind: state.cfaRegister === RSP ? UnwindKind.sp : UnwindKind.fp, cfaOffset, framePointer };
}

/** breg7 8; breg16 0; lit15; and; lit N; ge; lit3; shl; plus: what linkers write for the entries of .plt. */
function pltThreshold(view: DataView, at: number, length: number): number | undefined {
  if (length !== 11) return undefined;
  const byte = (index: number) => view.getUint8(at + index);
  const isPlt =
    [0x77, 0x08, 0x80, 0x00, 0x3f, 0x1a].every((value, index) => byte(index) === value) &&
    [0x2a, 0x33, 0x24, 0x22].every((value, index) => byte(7 + index) === value);
  const threshold = byte(6) - 0x30;
  return isPlt && threshold >= 0 && threshold < 16 ? threshold : undefined;
}

/** breg6 N; deref: functions that realign the stack keep the old one where rbp leads. */
function framePointerLoad(view: DataView, at: number, length: number): number | undefined {
  const reader = new DwarfReader(view, at, at + length);
  if (reader.u8() !== 0x76) return undefined;
  const offset = reader.sleb();
  return reader.u8() === 0x06 && reader.isAtEnd && !reader.isBroken ? offset : undefined;
}
