/** Bytes of a file that somebody else opened: the broker reads, the unprivileged worker parses. */
export interface ByteSource {
  /** Fewer bytes than asked at the end of the file; never throws for an offset that is out of range. */
  read(offset: number, lengthBytes: number): Promise<Uint8Array>;
  /** Whether who opened it has it still, for as long as nobody closes what is used; where `read` may answer by itself. */
  touch?(): Promise<boolean>;
}

/** Whether it is still there: reads of a process that has gone are empty. */
export async function isReadable(source: ByteSource): Promise<boolean> {
  return source.touch === undefined ? (await source.read(0, 1)).length > 0 : await source.touch();
}
