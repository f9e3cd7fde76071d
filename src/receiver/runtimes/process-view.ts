/** What a runtime's recogniser may look at: one process, read through the broker. */
import type { ByteSource } from "../elf/byte-source.ts";

/** One line of /proc/PID/maps with a file behind it. */
export interface MemoryMapping {
  readonly start: number;
  readonly end: number;
  readonly fileOffset: number;
  readonly isExecutable: boolean;
  readonly isWritable: boolean;
  /** Device and inode, `08:01 1234`: names a file on this host. */
  readonly inode: string;
  /** As the process sees it; "" for anonymous memory, "[heap]" and the like as the kernel prints them. */
  readonly path: string;
}

export interface ProcessView {
  readonly tgid: number;
  /** Path of the executable as the process sees it. */
  readonly executable: string;
  mappings(): Promise<readonly MemoryMapping[]>;
  /** The file behind a mapping, or the executable; undefined when it can't be opened. */
  file(path: string): Promise<ByteSource | undefined>;
  /** Memory of the process; fewer bytes, or none, where it is not mapped. */
  memory(address: number, lengthBytes: number): Promise<Uint8Array>;
  /** Thread ids. */
  threads(): Promise<readonly number[]>;
  /** The same process, with the mappings that it has by now. */
  again(): ProcessView;
}
