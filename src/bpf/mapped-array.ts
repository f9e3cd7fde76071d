/** A BPF array map (BPF_F_MMAPABLE, Linux 5.5) as memory: written without a system call, also by the unprivileged. */
import { BpfError } from "./error.ts";
import { errno, libc, MAP_FAILED, type Pointer, viewMemory } from "./libbpf.ts";
import type { MapDescriptor } from "./map.ts";

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;

interface MappedArray extends Disposable {
  /** Values lie one after the other, each rounded up to 8 bytes. Not to be used after dispose. */
  readonly bytes: Uint8Array;
}

export function arraySizeBytes({ valueSizeBytes, maxEntries }: MapDescriptor): number {
  return ((valueSizeBytes + 7) & ~7) * maxEntries;
}

export function mapArray(map: MapDescriptor): MappedArray {
  const lengthBytes = arraySizeBytes(map);
  const address = mapRange(map, 0, lengthBytes);
  return {
    bytes: new Uint8Array(viewMemory(address, lengthBytes)),
    [Symbol.dispose]: () => {
      libc().munmap(address, lengthBytes);
    },
  };
}

/**
 * Writes into such an array, of which no more is mapped than is written, and no longer: all of a mapping is resident at once
 * (remap_vmalloc_range), and counts as memory of this process beside the kernel's.
 */
export function writeArray(map: MapDescriptor, offset: number, bytes: Uint8Array): void {
  const lengthBytes = offset + bytes.length;
  if (offset < 0 || lengthBytes > arraySizeBytes(map)) {
    throw new RangeError(`${map.name} has no bytes ${offset} to ${lengthBytes}`);
  }
  if (bytes.length === 0) return;
  const start = offset - (offset % libc().getpagesize());
  const address = mapRange(map, start, lengthBytes - start);
  libc().memcpy(address + BigInt(offset - start), bytes, bytes.length);
  libc().munmap(address, lengthBytes - start);
}

function mapRange({ fd, name }: MapDescriptor, offset: number, lengthBytes: number): Pointer {
  const address = libc().mmap(null, lengthBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
  if (address === MAP_FAILED) throw new BpfError(`map array ${name}`, errno());
  return address;
}
