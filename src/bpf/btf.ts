/** A pure reader of .BTF (Documentation/bpf/btf.rst): the structs and enums of a BPF object. No I/O. */

export interface BtfMember {
  readonly name: string;
  readonly offsetBytes: number;
  readonly type: number;
}

type BtfType =
  | { readonly kind: "int"; readonly name: string; readonly sizeBytes: number; readonly signed: boolean }
  | { readonly kind: "array"; readonly element: number; readonly count: number }
  | {
      readonly kind: "struct";
      readonly name: string;
      readonly sizeBytes: number;
      readonly members: readonly BtfMember[];
    }
  | { readonly kind: "enum"; readonly name: string; readonly values: ReadonlyMap<string, number> }
  | { readonly kind: "alias"; readonly name: string; readonly target: number }
  | { readonly kind: "other"; readonly name: string };

const MAGIC = 0xeb9f;
const Kind = {
  int: 1,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  functionProto: 13,
  variable: 14,
  dataSection: 15,
  declarationTag: 17,
  typeTag: 18,
  enum64: 19,
} as const;

/** Bytes behind the 12 of struct btf_type, for the kinds that have some. */
function extraSizeBytes(kind: number, count: number): number {
  switch (kind) {
    case Kind.int:
    case Kind.variable:
    case Kind.declarationTag:
      return 4;
    case Kind.array:
      return 12;
    case Kind.struct:
    case Kind.union:
    case Kind.dataSection:
    case Kind.enum64:
      return 12 * count;
    case Kind.enum:
    case Kind.functionProto:
      return 8 * count;
    default:
      return 0;
  }
}

export class Btf {
  readonly #types: BtfType[] = [{ kind: "other", name: "void" }];

  /** @throws RangeError where the section is cut short; its bytes come from a file that we built. */
  constructor(section: Uint8Array) {
    const view = new DataView(section.buffer, section.byteOffset, section.byteLength);
    if (view.getUint16(0, true) !== MAGIC) throw new RangeError("not a little-endian .BTF section");
    const headerSize = view.getUint32(4, true);
    const typesEnd = headerSize + view.getUint32(8, true) + view.getUint32(12, true);
    const stringsAt = headerSize + view.getUint32(16, true);
    const text = (offset: number): string => {
      const end = section.indexOf(0, stringsAt + offset);
      return new TextDecoder().decode(section.subarray(stringsAt + offset, end));
    };
    let at = headerSize + view.getUint32(8, true);
    while (at < typesEnd) {
      const info = view.getUint32(at + 4, true);
      const kind = (info >>> 24) & 0x1f;
      const count = info & 0xffff;
      this.#types.push(readType(view, at, kind, count, text));
      at += 12 + extraSizeBytes(kind, count);
    }
  }

  /** The type behind typedefs, const and volatile. */
  resolve(id: number): BtfType {
    let type = this.#types[id];
    while (type?.kind === "alias") type = this.#types[type.target];
    return type ?? { kind: "other", name: "" };
  }

  struct(name: string): Extract<BtfType, { kind: "struct" }> | undefined {
    for (const type of this.#types) if (type.kind === "struct" && type.name === name) return type;
    return undefined;
  }

  enum(name: string): ReadonlyMap<string, number> | undefined {
    for (const type of this.#types) if (type.kind === "enum" && type.name === name) return type.values;
    return undefined;
  }

  sizeBytes(id: number): number {
    const type = this.resolve(id);
    switch (type.kind) {
      case "int":
      case "struct":
        return type.sizeBytes;
      case "array":
        return type.count * this.sizeBytes(type.element);
      case "enum":
        return 4;
      default:
        return 8;
    }
  }
}

function readType(view: DataView, at: number, kind: number, count: number, text: (offset: number) => string): BtfType {
  const name = text(view.getUint32(at, true));
  const size = view.getUint32(at + 8, true);
  const extra = at + 12;
  switch (kind) {
    case Kind.int:
      return { kind: "int", name, sizeBytes: size, signed: ((view.getUint32(extra, true) >>> 24) & 1) === 1 };
    case Kind.array:
      return { kind: "array", element: view.getUint32(extra, true), count: view.getUint32(extra + 8, true) };
    case Kind.struct: {
      const members: BtfMember[] = [];
      for (let i = 0; i < count; i++) {
        const member = extra + 12 * i;
        members.push({
          name: text(view.getUint32(member, true)),
          type: view.getUint32(member + 4, true),
          // With kind_flag (bit fields) the low 24 bits are the offset.
          offsetBytes: (view.getUint32(member + 8, true) & 0xffffff) / 8,
        });
      }
      return { kind: "struct", name, sizeBytes: size, members };
    }
    case Kind.enum: {
      const values = new Map<string, number>();
      for (let i = 0; i < count; i++) {
        values.set(text(view.getUint32(extra + 8 * i, true)), view.getInt32(extra + 8 * i + 4, true));
      }
      return { kind: "enum", name, values };
    }
    case Kind.typedef:
    case Kind.volatile:
    case Kind.const:
    case Kind.restrict:
    case Kind.typeTag:
      return { kind: "alias", name, target: size };
    default:
      return { kind: "other", name };
  }
}
