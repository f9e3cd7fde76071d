/** Which line of which file an address is of (DWARF 5, 6.2; DWARF 4, 6.2). */
import { viewOf } from "../elf/elf-file.ts";
import { DwarfReader } from "../unwind/dwarf-reader.ts";
import type { DebugSections } from "./debug-sections.ts";
import { Form, readForm } from "./forms.ts";
import { readText } from "./function-names.ts";
import type { Unit } from "./unit.ts";

const PROGRAM_LIMIT_BYTES = 16 << 20;
const ROW_LIMIT = 2_000_000;
const NAME_LIMIT = 65_536;
const LNCT_PATH = 1;
const LNCT_DIRECTORY = 2;

interface LinePlace {
  readonly file: number;
  readonly line: number;
}

interface FileName {
  readonly name: string;
  readonly directory: number;
}

export class LineTable {
  readonly #rows: Rows;
  readonly #files: readonly FileName[];
  readonly #directories: readonly string[];
  /** Of the first file: 1 before DWARF 5. */
  readonly #firstFile: number;

  constructor(rows: Rows, files: readonly FileName[], directories: readonly string[], firstFile: number) {
    this.#rows = rows;
    this.#files = files;
    this.#directories = directories;
    this.#firstFile = firstFile;
  }

  get sizeBytes(): number {
    return 1024 + 16 * this.#rows.count + 64 * this.#files.length;
  }

  placeAt(address: number): LinePlace | undefined {
    return this.#rows.at(address);
  }

  fileName(index: number): string | undefined {
    const file = this.#files[index - this.#firstFile];
    if (file === undefined || file.name === "") return undefined;
    return joined(joined(this.#directories[0] ?? "", this.#directories[file.directory] ?? ""), file.name);
  }
}

function joined(folder: string, name: string): string {
  if (name.startsWith("/") || folder === "") return name;
  return name === "" ? folder : `${folder}/${name}`;
}

/** Sequences of rows that each end with an address that is in none of them. */
class Rows {
  #addresses = new Float64Array(1024);
  #lines = new Uint32Array(1024);
  #files = new Int32Array(1024);
  #sequenceStart = 0;
  count = 0;

  /** What the linker has left out is at 0, where a file's header is. */
  endSequence(): void {
    if (this.#addresses[this.#sequenceStart]! <= 1) this.count = this.#sequenceStart;
    this.#sequenceStart = this.count;
  }

  /** @param file -1: the end of a sequence */
  add(address: number, file: number, line: number): void {
    if (this.count === this.#addresses.length) this.#grow();
    this.#addresses[this.count] = address;
    this.#files[this.count] = file;
    this.#lines[this.count] = line;
    this.count++;
  }

  /** The last row of a sequence that is not above. */
  at(address: number): LinePlace | undefined {
    for (let i = 0; i + 1 < this.count; i++) {
      if (address < this.#addresses[i]! || address >= this.#addresses[i + 1]! || this.#files[i] === -1) continue;
      return { file: this.#files[i]!, line: this.#lines[i]! };
    }
    return undefined;
  }

  #grow(): void {
    const length = 2 * this.count;
    const [addresses, lines, files] = [this.#addresses, this.#lines, this.#files];
    this.#addresses = new Float64Array(length);
    this.#lines = new Uint32Array(length);
    this.#files = new Int32Array(length);
    this.#addresses.set(addresses);
    this.#lines.set(lines);
    this.#files.set(files);
  }
}

interface Program {
  readonly version: number;
  readonly offsetBytes: number;
  readonly minimumInstruction: number;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  readonly operandCounts: readonly number[];
}

/** @returns undefined where there is none that can be read */
export async function readLineTable(sections: DebugSections, unit: Unit): Promise<LineTable | undefined> {
  if (unit.lines === undefined) return undefined;
  const head = await sections.read(".debug_line", unit.lines, 16);
  const lengthReader = new DwarfReader(viewOf(head), 0, head.length);
  let length = lengthReader.u32();
  const offsetBytes = length === 0xffffffff ? 8 : 4;
  if (offsetBytes === 8) length = lengthReader.u64();
  if (lengthReader.isBroken || length > PROGRAM_LIMIT_BYTES) return undefined;
  const bytes = await sections.read(".debug_line", unit.lines + lengthReader.at, length);
  if (bytes.length < length) return undefined;
  const reader = new DwarfReader(viewOf(bytes), 0, bytes.length);
  const version = reader.u16();
  if (version < 2 || version > 5) return undefined;
  if (version === 5) reader.skip(2);
  const headerLength = offsetBytes === 8 ? reader.u64() : reader.u32();
  const start = reader.at + headerLength;
  const minimumInstruction = reader.u8();
  if (version >= 4) reader.skip(1);
  reader.skip(1);
  const lineBase = (reader.u8() << 24) >> 24;
  const lineRange = reader.u8();
  const opcodeBase = reader.u8();
  const operandCounts = Array.from({ length: Math.max(0, opcodeBase - 1) }, () => reader.u8());
  const program = { version, offsetBytes, minimumInstruction, lineBase, lineRange, opcodeBase, operandCounts };
  const names =
    version === 5 ? await newNames(reader, program, sections, unit) : await oldNames(reader, sections, unit);
  if (names === undefined || reader.isBroken || lineRange === 0) return undefined;
  const rows = run(new DwarfReader(viewOf(bytes), start, bytes.length), program);
  return new LineTable(rows, names.files, names.directories, version === 5 ? 0 : 1);
}

interface Names {
  readonly directories: readonly string[];
  readonly files: readonly FileName[];
}

/** Before DWARF 5: strings in place, the compilation's own folder is number 0 and not among them. */
async function oldNames(reader: DwarfReader, sections: DebugSections, unit: Unit): Promise<Names> {
  const own = unit.directory === undefined ? undefined : await readText(sections, unit, unit.directory);
  const directories = [own ?? ""];
  for (let name = reader.string(); name !== "" && directories.length < NAME_LIMIT; name = reader.string()) {
    directories.push(name);
  }
  const files: FileName[] = [];
  for (let name = reader.string(); name !== "" && files.length < NAME_LIMIT; name = reader.string()) {
    files.push({ name, directory: reader.uleb() });
    reader.uleb();
    reader.uleb();
  }
  return { directories, files };
}

async function newNames(
  reader: DwarfReader,
  program: Program,
  sections: DebugSections,
  unit: Unit,
): Promise<Names | undefined> {
  const directories = await entries(reader, program, sections, unit);
  const files = await entries(reader, program, sections, unit);
  if (directories === undefined || files === undefined) return undefined;
  return { directories: directories.map(({ name }) => name), files };
}

/** Content types and forms, then as many values for each entry (DWARF 5, 6.2.4.1). */
async function entries(
  reader: DwarfReader,
  sizes: Program,
  sections: DebugSections,
  unit: Unit,
): Promise<FileName[] | undefined> {
  const formats = Array.from({ length: reader.u8() }, () => ({ content: reader.uleb(), form: reader.uleb() }));
  const count = reader.uleb();
  if (reader.isBroken || count > NAME_LIMIT) return undefined;
  const found: FileName[] = [];
  for (let i = 0; i < count; i++) {
    let [name, directory] = ["", 0];
    for (const { content, form } of formats) {
      if (content === LNCT_PATH && form === Form.string) {
        name = reader.string();
        continue;
      }
      const value = readForm(reader, form, sizes);
      if (value === undefined || reader.isBroken) return undefined;
      if (content === LNCT_PATH) name = (await readText(sections, unit, { form, value })) ?? "";
      else if (content === LNCT_DIRECTORY) directory = value;
    }
    found.push({ name, directory });
  }
  return found;
}

/** The state machine of DWARF 5, 6.2.2 and 6.2.5, as far as addresses, files and lines go. */
function run(reader: DwarfReader, program: Program): Rows {
  const { minimumInstruction, lineBase, lineRange, opcodeBase, operandCounts } = program;
  const rows = new Rows();
  let [address, file, line] = [0, 1, 1];
  while (!reader.isAtEnd && rows.count < ROW_LIMIT) {
    const opcode = reader.u8();
    if (opcode >= opcodeBase) {
      const adjusted = opcode - opcodeBase;
      address += Math.floor(adjusted / lineRange) * minimumInstruction;
      line += lineBase + (adjusted % lineRange);
      rows.add(address, file, line);
    } else if (opcode === 0) {
      const end = reader.uleb() + reader.at;
      const kind = reader.u8();
      if (kind === 1) {
        rows.add(address, -1, 0);
        rows.endSequence();
        [address, file, line] = [0, 1, 1];
      } else if (kind === 2) address = reader.u64();
      reader.skip(end - reader.at);
    } else if (opcode === 1) rows.add(address, file, line);
    else if (opcode === 2) address += reader.uleb() * minimumInstruction;
    else if (opcode === 3) line += reader.sleb();
    else if (opcode === 4) file = reader.uleb();
    else if (opcode === 8) address += Math.floor((255 - opcodeBase) / lineRange) * minimumInstruction;
    else if (opcode === 9) address += reader.u16();
    // Columns, statements, blocks, prologues, instruction sets: their operands alone are passed.
    else for (let i = operandCounts[opcode - 1] ?? 0; i > 0; i--) reader.uleb();
  }
  return rows;
}
