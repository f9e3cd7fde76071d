/** Compares the structs of an object's BTF with those that the decoder was generated from. Pure. */
import type { Btf } from "./btf.ts";

/** As LAYOUT of layout.gen.ts. */
export type StructLayouts = Readonly<
  Record<string, { readonly sizeBytes: number; readonly offsets: Readonly<Record<string, number>> }>
>;

/** @returns the first difference in words; undefined when there is none */
export function layoutDifference(btf: Btf, layouts: StructLayouts): string | undefined {
  for (const [name, layout] of Object.entries(layouts)) {
    const struct = btf.struct(name);
    if (struct === undefined) return `struct ${name} is missing`;
    if (struct.sizeBytes !== layout.sizeBytes) {
      return `struct ${name} has ${struct.sizeBytes} bytes, not ${layout.sizeBytes}`;
    }
    const offsets = new Map(struct.members.map((member) => [member.name, member.offsetBytes]));
    for (const [field, offset] of Object.entries(layout.offsets)) {
      const there = offsets.get(field);
      if (there !== offset) return `${name}.${field} is at ${there ?? "no place"}, not ${offset}`;
    }
  }
  return undefined;
}
