/** A BPF map by its descriptor: works in the process that created it and in one that inherited it. */
import { BpfError } from "./error.ts";
import { libbpf } from "./libbpf.ts";

/** What another process needs to use an inherited map. */
export interface MapDescriptor {
  readonly name: string;
  readonly fd: number;
  readonly type: number;
  readonly keySizeBytes: number;
  readonly valueSizeBytes: number;
  readonly maxEntries: number;
}

/** enum bpf_map_type of include/uapi/linux/bpf.h: the kinds whose values come once per CPU. */
const PER_CPU_TYPES: readonly number[] = [5, 6, 10];

const ENOENT = -2;
const ENOTSUPP = -524;
const EINVAL = -22;

export class BpfMap {
  readonly descriptor: MapDescriptor;
  /** Bytes that a look-up yields: for per-CPU maps, one value per possible CPU, each rounded up to 8 bytes. */
  readonly #lookupSizeBytes: number;
  readonly #stride: number;

  constructor(descriptor: MapDescriptor) {
    this.descriptor = descriptor;
    const isPerCpu = PER_CPU_TYPES.includes(descriptor.type);
    this.#stride = isPerCpu ? roundUp8(descriptor.valueSizeBytes) : descriptor.valueSizeBytes;
    this.#lookupSizeBytes = isPerCpu ? this.#stride * libbpf().possibleCpus() : this.#stride;
  }

  get name(): string {
    return this.descriptor.name;
  }

  /** A copy of the value; of all CPUs' values one after the other for a per-CPU map. */
  get(key: Uint8Array): Uint8Array | undefined {
    this.#checkKey(key);
    const value = new Uint8Array(this.#lookupSizeBytes);
    const result = libbpf().lookup(this.descriptor.fd, key, value);
    if (result === ENOENT) return undefined;
    this.#check("look-up", result);
    return value;
  }

  /** One value per CPU; for other maps a list of one. */
  getPerCpu(key: Uint8Array): Uint8Array[] {
    const all = this.get(key);
    if (all === undefined) return [];
    const values: Uint8Array[] = [];
    for (let at = 0; at < all.length; at += this.#stride) {
      values.push(all.subarray(at, at + this.descriptor.valueSizeBytes));
    }
    return values;
  }

  set(key: Uint8Array, value: Uint8Array): void {
    this.#checkKey(key);
    if (value.length !== this.#lookupSizeBytes) {
      throw new RangeError(`map ${this.name}: value of ${value.length} bytes, not ${this.#lookupSizeBytes}`);
    }
    this.#check("update", libbpf().update(this.descriptor.fd, key, value, 0));
  }

  /** Keys and values laid out one after the other. Falls back to single updates where the map has no batch operation. */
  setBatch(keys: Uint8Array, values: Uint8Array): void {
    const { fd, keySizeBytes, valueSizeBytes } = this.descriptor;
    const count = keys.length / keySizeBytes;
    if (!Number.isInteger(count) || values.length !== count * valueSizeBytes) {
      throw new RangeError(`map ${this.name}: a batch of ${keys.length} key and ${values.length} value bytes`);
    }
    if (count === 0) return;
    const result = libbpf().updateBatch(fd, keys, values, Uint32Array.of(count), null);
    if (result !== ENOTSUPP && result !== EINVAL) {
      this.#check("batch update", result);
      return;
    }
    for (let i = 0; i < count; i++) {
      this.set(
        keys.subarray(i * keySizeBytes, (i + 1) * keySizeBytes),
        values.subarray(i * valueSizeBytes, (i + 1) * valueSizeBytes),
      );
    }
  }

  /** @returns whether the key was there */
  delete(key: Uint8Array): boolean {
    this.#checkKey(key);
    const result = libbpf().delete(this.descriptor.fd, key);
    if (result === ENOENT) return false;
    this.#check("delete", result);
    return true;
  }

  /** Keys as they are now; entries that come and go meanwhile may be missed or seen twice, as in the kernel. */
  *keys(): Generator<Uint8Array> {
    let key: Uint8Array | null = null;
    for (let seen = 0; seen <= this.descriptor.maxEntries; seen++) {
      const next: Uint8Array = new Uint8Array(this.descriptor.keySizeBytes);
      const result = libbpf().nextKey(this.descriptor.fd, key, next);
      if (result === ENOENT) return;
      this.#check("iteration", result);
      yield next;
      key = next;
    }
  }

  #checkKey(key: Uint8Array): void {
    if (key.length !== this.descriptor.keySizeBytes) {
      throw new RangeError(`map ${this.name}: key of ${key.length} bytes, not ${this.descriptor.keySizeBytes}`);
    }
  }

  #check(what: string, result: number): void {
    if (result < 0) throw new BpfError(`${what} in map ${this.name}`, -result);
  }
}

function roundUp8(size: number): number {
  return (size + 7) & ~7;
}

export function keyU32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

export function keyU64(value: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(value).buffer);
}

/** Adds up one u64 slot over all CPUs. */
export function sumU64(values: readonly Uint8Array[], byteOffset = 0): number {
  let total = 0;
  for (const value of values) {
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    total += Number(view.getBigUint64(byteOffset, true));
  }
  return total;
}
