/**
 * How much stack each program of a BPF object takes with all that it calls, as the kernel's verifier counts it
 * (check_max_stack_depth in kernel/bpf/verifier.c): each frame as far down as it reaches, in steps of 32 bytes.
 */
const SHT_SYMTAB = 2;
const SHT_REL = 9;
const STT_FUNC = 2;
const STT_SECTION = 3;
/** A function of the kernel. */
const UNDEFINED = 0;
const R_BPF_64_32 = 10;
const STEP = 32;
const FRAME_POINTER = 10;
/** Of an instruction, include/uapi/linux/bpf.h. */
const CLASS_MASK = 7;
const [LDX, ST, STX] = [1, 2, 3];
const [LOAD_64, CALL, MOVE, ADD] = [0x18, 0x85, 0xbf, 0x07];
const PSEUDO_CALL = 1;

interface Section {
  readonly name: string;
  readonly type: number;
  readonly bytes: Buffer;
  readonly link: number;
  readonly info: number;
}

interface Callable {
  readonly name: string;
  readonly section: number;
  readonly start: number;
  readonly end: number;
}

/** @returns by the name of a program, not of what it calls */
export function stackOfPrograms(object: Buffer): ReadonlyMap<string, number> {
  const sections = sectionsOf(object);
  const table = sections.find(({ type }) => type === SHT_SYMTAB)!;
  const symbols = entriesOf(table.bytes, 24).map((entry) => ({
    name: textAt(sections[table.link]!.bytes, entry.readUInt32LE(0)),
    type: entry[4]! & 15,
    section: entry.readUInt16LE(6),
    start: Number(entry.readBigUInt64LE(8)),
    end: Number(entry.readBigUInt64LE(8) + entry.readBigUInt64LE(16)),
  }));
  const functions = symbols.filter(({ type }) => type === STT_FUNC);
  const at = (section: number, offset: number): Callable =>
    functions.find((one) => one.section === section && one.start === offset)!;
  const relocated = new Map<string, number>();
  for (const { type, bytes, info } of sections)
    if (type === SHT_REL)
      for (const entry of entriesOf(bytes, 16))
        if (entry.readUInt32LE(8) === R_BPF_64_32)
          relocated.set(`${info} ${entry.readBigUInt64LE(0)}`, entry.readUInt32LE(12));

  const known = new Map<Callable, number>();
  const depthOf = (one: Callable): number => {
    const before = known.get(one);
    if (before !== undefined) return before;
    const { frame, calls } = frameOf(sections[one.section]!.bytes, one);
    const called = calls.flatMap(({ offset, immediate }) => {
      const index = relocated.get(`${one.section} ${offset}`);
      const distance = (immediate + 1) * 8;
      if (index === undefined) return [at(one.section, offset + distance)];
      const { type, section, start } = symbols[index]!;
      if (type === STT_SECTION) return [at(section, distance)];
      return section === UNDEFINED ? [] : [at(section, start)];
    });
    const depth = Math.ceil(Math.max(frame, 1) / STEP) * STEP + Math.max(0, ...called.map(depthOf));
    known.set(one, depth);
    return depth;
  };
  const programs = functions.filter(({ section }) => sections[section]!.name !== ".text");
  return new Map(programs.map((one) => [one.name, depthOf(one)]));
}

function frameOf(code: Buffer, { start, end }: Callable) {
  const calls: { offset: number; immediate: number }[] = [];
  /** Registers that hold the frame pointer. */
  const copies = new Set<number>();
  let frame = 0;
  for (let offset = start; offset < end; offset += code[offset] === LOAD_64 ? 16 : 8) {
    const operation = code[offset]!;
    const kind = operation & CLASS_MASK;
    const target = code[offset + 1]! & 15;
    const source = code[offset + 1]! >> 4;
    const immediate = code.readInt32LE(offset + 4);
    const base = kind === LDX ? source : kind === ST || kind === STX ? target : undefined;
    if (base === FRAME_POINTER) frame = Math.max(frame, -code.readInt16LE(offset + 2));
    if (operation === CALL && source === PSEUDO_CALL) calls.push({ offset, immediate });
    if (operation === ADD && copies.has(target)) frame = Math.max(frame, -immediate);
    copies.delete(target);
    if (operation === MOVE && source === FRAME_POINTER) copies.add(target);
  }
  return { frame, calls };
}

function sectionsOf(object: Buffer): Section[] {
  const count = object.readUInt16LE(60);
  const first = Number(object.readBigUInt64LE(40));
  const headers = Array.from({ length: count }, (_, index) => object.subarray(first + index * 64));
  const bytesOf = (header: Buffer): Buffer => {
    const start = Number(header.readBigUInt64LE(24));
    return object.subarray(start, start + Number(header.readBigUInt64LE(32)));
  };
  const names = bytesOf(headers[object.readUInt16LE(62)]!);
  return headers.map((header) => ({
    name: textAt(names, header.readUInt32LE(0)),
    type: header.readUInt32LE(4),
    bytes: bytesOf(header),
    link: header.readUInt32LE(40),
    info: header.readUInt32LE(44),
  }));
}

function entriesOf(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: bytes.length / size }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
}

function textAt(bytes: Buffer, offset: number): string {
  return bytes.toString("latin1", offset, bytes.indexOf(0, offset));
}
