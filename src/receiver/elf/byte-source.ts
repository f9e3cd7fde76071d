/** Bytes of a file that somebody else opened: the broker reads, the unprivileged worker parses. */
export interface ByteSource {
  /** Fewer bytes than asked at the end of the file; never throws for an offset that is out of range. */
  read(offset: number, lengthBytes: number): Promise<Uint8Array>;
}
