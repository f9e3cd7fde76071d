/** Where a global variable of a BPF object lies in its section, by the object's BTF. */
import { libbpf, type Pointer, viewMemory } from "./libbpf.ts";

interface VariablePlace {
  readonly offset: number;
  readonly sizeBytes: number;
}

/** BTF_KIND_DATASEC of include/uapi/linux/btf.h. */
const KIND_DATASEC = 15;
/** struct btf_type { u32 name_off, info, size_or_type } */
const TYPE_SIZE_BYTES = 12;
/** struct btf_var_secinfo { u32 type, offset, size } */
const SECINFO_SIZE_BYTES = 12;

export function findVariable(btf: Pointer, section: string, variable: string): VariablePlace | undefined {
  const library = libbpf();
  const id = library.btfFindByNameKind(btf, section, KIND_DATASEC);
  const type = id < 0 ? null : library.btfTypeById(btf, id);
  if (type === null) return undefined;
  const count = new DataView(viewMemory(type, TYPE_SIZE_BYTES)).getUint32(4, true) & 0xffff;
  if (count === 0) return undefined;
  // A copy: two views of one address can't both be external array buffers.
  const entries = new DataView(viewMemory(type + BigInt(TYPE_SIZE_BYTES), count * SECINFO_SIZE_BYTES).slice(0));
  for (let i = 0; i < count; i++) {
    const at = i * SECINFO_SIZE_BYTES;
    const variableType = library.btfTypeById(btf, entries.getUint32(at, true));
    if (variableType === null) continue;
    const nameOffset = new DataView(viewMemory(variableType, TYPE_SIZE_BYTES).slice(0)).getUint32(0, true);
    if (library.btfNameByOffset(btf, nameOffset) === variable) {
      return { offset: entries.getUint32(at + 4, true), sizeBytes: entries.getUint32(at + 8, true) };
    }
  }
  return undefined;
}
