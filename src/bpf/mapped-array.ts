/** A BPF array map (BPF_F_MMAPABLE, Linux 5.5) as memory: written without a system call, also by the unprivileged. */
import { BpfError } from "./error.ts";
import { errno, libc, MAP_FAILED, viewMemory } from "./libbpf.ts";
import type { MapDescriptor } from "./map.ts";

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;

export interface MappedArray extends Disposable {
  /** Values lie one after the other, each rounded up to 8 bytes. Not to be used after dispose. */
  readonly bytes: Uint8Array;
}

export function mapArray({ fd, name, valueSizeBytes, maxEntries }: MapDescriptor): MappedArray {
  const lengthBytes = ((valueSizeBytes + 7) & ~7) * maxEntries;
  const address = libc().mmap(null, lengthBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (address === MAP_FAILED) throw new BpfError(`map array ${name}`, errno());
  return {
    bytes: new Uint8Array(viewMemory(address, lengthBytes)),
    [Symbol.dispose]: () => {
      libc().munmap(address, lengthBytes);
    },
  };
}
