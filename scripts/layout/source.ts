/** From BTF to the text of src/bpf/layout.gen.ts. */
import type { Btf, BtfMember } from "../../src/bpf/btf.ts";

/** What user space needs of one object. */
export interface ObjectTypes {
  /** File name of the object: `socket_trace.bpf.o`. */
  readonly object: string;
  /** Name of the constant with the structs' sizes and offsets. */
  readonly layout: string;
  /** Enums that user space names, with the prefix that their values drop. */
  readonly enums: readonly (readonly [name: string, prefix: string])[];
  readonly decoded: readonly string[];
  readonly encoded: readonly string[];
  /** Decoded structs that come too often for an object each: they get a reader that is used again. */
  readonly reread?: readonly string[];
}

const SOCKET_ENUMS: ObjectTypes["enums"] = [
  ["event_kind", "EVENT_"],
  ["direction", "DIRECTION_"],
  ["socket_role", "SOCKET_ROLE_"],
  ["data_source", "DATA_SOURCE_"],
  ["unit_kind", "UNIT_"],
  ["event_flags", "EVENT_FLAG_"],
  ["frame_segment_flags", "FRAME_SEGMENT_"],
  ["process_action", "PROCESS_"],
  ["scope_kind", "SCOPE_"],
  ["unix_sockets", "UNIX_SOCKETS_"],
  ["verdict_action", "VERDICT_"],
  ["verdict_flags", "VERDICT_FLAG_"],
  ["process_filter", "PROCESS_FILTER_"],
  ["process_flags", "PROCESS_FLAG_"],
  ["turn_phase", "TURN_PHASE_"],
  ["unit_step_kind", "UNIT_STEP_"],
  ["cause_kind", "CAUSE_"],
  ["unit_edge", "UNIT_EDGE_"],
  ["handover_way", "HANDOVER_"],
  ["loss_reason", ""],
  ["io_operation", "IO_"],
  ["file_type", "FILE_TYPE_"],
  ["io_mode", "IO_MODE_"],
];

export const OBJECTS: readonly ObjectTypes[] = [
  {
    object: "socket_trace.bpf.o",
    layout: "LAYOUT",
    enums: SOCKET_ENUMS,
    decoded: [
      "event_header",
      "socket_tuple",
      "socket_data_event",
      "frame_segment",
      "socket_state_event",
      "process_event",
      "wake_event",
      "unit_edge_event",
      "handover_event",
      "stream_call_event",
      "trace_request",
      "io_event",
    ],
    reread: ["event_header", "socket_tuple", "socket_data_event"],
    encoded: [
      "trace_conf",
      "socket_verdict",
      "frame_rule",
      "framing",
      "unit_step",
      "pool_site",
      "go_layout",
      "python_layout",
      "java_layout",
      "process_control",
      "trace_key",
      "trace_settings",
    ],
  },
  {
    object: "perf_profiler.bpf.o",
    layout: "PROFILE_LAYOUT",
    enums: [
      ["profile_event_kind", "EVENT_"],
      ["sample_kind", "SAMPLE_"],
      ["sample_flags", "SAMPLE_FLAG_"],
      ["stack_end", "STACK_END_"],
      ["unwind_kind", "UNWIND_"],
    ],
    decoded: ["stack_sample_event"],
    encoded: [
      "unwind_row",
      "unwind_mapping",
      "process_mappings",
      "interpreter",
      "script_engine",
      "java_heap",
      "java_engine",
      "thread_context_place",
      "profile_conf",
    ],
  },
];

const camel = (name: string): string =>
  name.toLowerCase().replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
const pascal = (name: string): string => camel(`_${name}`);

/** @param btfs in the order of OBJECTS */
export function layoutSource(btfs: readonly Btf[]): string {
  const parts = OBJECTS.flatMap((types, index) => objectSource(types, btfs[index]!));
  return [
    "// Generated from the BTF of the objects in build/bpf by scripts/gen-layout.ts. Do not edit.",
    HELPERS,
    "/** u64 fields are JavaScript numbers: exact below 2^53. u8[] fields are views of the record: valid while it is. */",
    ...parts,
  ].join("\n");
}

function objectSource({ object, layout, enums, decoded, encoded, reread = [] }: ObjectTypes, btf: Btf): string[] {
  const structs = [...decoded, ...encoded];
  return [
    ...enums.map(([name, prefix]) => enumSource(btf, name, prefix)),
    `/** Of each struct of ${object}: its size and the offsets of its fields. The loader compares them with the object's BTF. */`,
    `export const ${layout} = {\n${structs.map((name) => layoutEntry(btf, name)).join("\n")}\n} as const;\n`,
    ...structs.map((name) => interfaceSource(btf, name)),
    ...decoded.map((name) => decoderSource(btf, name)),
    ...reread.map((name) => readerSource(btf, name)),
    ...encoded.map((name) => encoderSource(btf, name)),
  ];
}

function structOf(btf: Btf, name: string): { sizeBytes: number; members: readonly BtfMember[] } {
  const found = btf.struct(name);
  if (found === undefined) throw new Error(`the object's BTF has no struct ${name}`);
  return { sizeBytes: found.sizeBytes, members: found.members.filter((member) => member.name !== "padding") };
}

function enumSource(btf: Btf, name: string, prefix: string): string {
  const values = btf.enum(name);
  if (values === undefined) throw new Error(`the object's BTF has no enum ${name}`);
  const type = pascal(name);
  const entries = [...values].map(([key, value]) => `  ${camel(key.replace(prefix, ""))}: ${value},`);
  return (
    `export const ${type} = {\n${entries.join("\n")}\n} as const;\n` +
    `export type ${type} = (typeof ${type})[keyof typeof ${type}];\n`
  );
}

function layoutEntry(btf: Btf, name: string): string {
  const { sizeBytes, members } = structOf(btf, name);
  const offsets = members.map((member) => `${member.name}: ${member.offsetBytes}`).join(", ");
  return `  ${name}: { sizeBytes: ${sizeBytes}, offsets: { ${offsets} } },`;
}

function interfaceSource(btf: Btf, name: string): string {
  const fields = structOf(btf, name).members.map((m) => `  readonly ${camel(m.name)}: ${typeSource(btf, m.type)};`);
  return `export interface ${pascal(name)} {\n${fields.join("\n")}\n}\n`;
}

function typeSource(btf: Btf, id: number): string {
  const type = btf.resolve(id);
  if (type.kind === "struct") return pascal(type.name);
  if (type.kind !== "array") return "number";
  return btf.sizeBytes(type.element) === 1 ? "Uint8Array" : `readonly ${typeSource(btf, type.element)}[]`;
}

const plus = (offset: number): string => (offset === 0 ? "offset" : `offset + ${offset}`);

function decoderSource(btf: Btf, name: string): string {
  const { members } = structOf(btf, name);
  const fields = members.map((m) => `    ${camel(m.name)}: ${readSource(btf, m.type, plus(m.offsetBytes))},`);
  return (
    `export function decode${pascal(name)}(view: DataView, offset: number): ${pascal(name)} {\n` +
    `  return {\n${fields.join("\n")}\n  };\n}\n`
  );
}

/** Numbers are fields of its own, bytes are looked at when they are asked for. */
function readerSource(btf: Btf, name: string): string {
  const { members } = structOf(btf, name);
  const type = pascal(name);
  const kindOf = (member: BtfMember): string => btf.resolve(member.type).kind;
  const bytes = members.filter((member) => kindOf(member) === "array");
  const nested = members.filter((member) => kindOf(member) === "struct");
  const numbers = members.filter((member) => !bytes.includes(member) && !nested.includes(member));
  const readerOf = (member: BtfMember): string => `${typeSource(btf, member.type)}Reader`;
  const place = bytes.length === 0 ? [] : ["  #view: DataView = EMPTY_VIEW;", "  #offset = 0;"];
  return [
    `/** One ${type} after the other: each \`read\` overwrites what the one before it has said. */`,
    `export class ${type}Reader implements ${type} {`,
    ...place,
    ...nested.map((member) => `  readonly ${camel(member.name)} = new ${readerOf(member)}();`),
    ...numbers.map((member) => `  ${camel(member.name)} = 0;`),
    `\n  read(view: DataView, offset: number): this {`,
    ...(bytes.length === 0 ? [] : ["    this.#view = view;", "    this.#offset = offset;"]),
    ...nested.map((member) => `    this.${camel(member.name)}.read(view, ${plus(member.offsetBytes)});`),
    ...numbers.map(
      (member) => `    this.${camel(member.name)} = ${readSource(btf, member.type, plus(member.offsetBytes))};`,
    ),
    "    return this;\n  }",
    ...bytes.map((member) => {
      const source = readSource(btf, member.type, `this.#offset + ${member.offsetBytes}`);
      return `\n  get ${camel(member.name)}(): Uint8Array {\n    return ${source.replaceAll("view.", "this.#view.")};\n  }`;
    }),
    "}\n",
  ].join("\n");
}

function readSource(btf: Btf, id: number, at: string): string {
  const type = btf.resolve(id);
  const size = btf.sizeBytes(id);
  if (type.kind === "struct") return `decode${pascal(type.name)}(view, ${at})`;
  if (type.kind === "array") return `new Uint8Array(view.buffer, view.byteOffset + ${at}, ${type.count})`;
  if (size === 8) return `u64(view, ${at})`;
  return size === 1 ? `view.getUint8(${at})` : `view.getUint${size * 8}(${at}, true)`;
}

function encoderSource(btf: Btf, name: string): string {
  const { members } = structOf(btf, name);
  const lines = members.map((m) => `  ${writeSource(btf, m.type, `value.${camel(m.name)}`, plus(m.offsetBytes))}`);
  return (
    `/** Writes into zeroed memory. */\n` +
    `export function encode${pascal(name)}(view: DataView, offset: number, value: ${pascal(name)}): void {\n` +
    `${lines.join("\n")}\n}\n`
  );
}

function writeSource(btf: Btf, id: number, value: string, at: string): string {
  const type = btf.resolve(id);
  const size = btf.sizeBytes(id);
  if (type.kind === "struct") return `encode${pascal(type.name)}(view, ${at}, ${value});`;
  if (type.kind === "array") {
    const element = writeSource(btf, type.element, "element", `${at} + index * ${btf.sizeBytes(type.element)}`);
    return `${value}.slice(0, ${type.count}).forEach((element, index) => { ${element} });`;
  }
  if (size === 8) return `view.setBigInt64(${at}, BigInt.asIntN(64, BigInt(${value})), true);`;
  return size === 1 ? `view.setUint8(${at}, ${value});` : `view.setUint${size * 8}(${at}, ${value}, true);`;
}

const HELPERS = `const EMPTY_VIEW = new DataView(new ArrayBuffer(0));

function u64(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * 0x1_0000_0000 + view.getUint32(offset, true);
}
`;
