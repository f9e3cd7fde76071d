/** Lines at the end of a file, never half a one. */
import { close, fstat, ftruncate, write } from "node:fs";
import { promisify } from "node:util";

const fs = {
  close: promisify(close),
  fstat: promisify(fstat),
  ftruncate: promisify(ftruncate),
  write: promisify(write),
};

/** Whole lines at the end of an open file: after a write that failed half way, the half line is taken back. */
export class LineWriter {
  readonly #fd: number;
  #sizeBytes = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** The size that the file had. */
  async start(): Promise<void> {
    this.#sizeBytes = (await fs.fstat(this.#fd)).size;
  }

  async write(bytes: Buffer): Promise<void> {
    let done = 0;
    try {
      while (done < bytes.length) done += (await fs.write(this.#fd, bytes, done)).bytesWritten;
      this.#sizeBytes += bytes.length;
    } catch (error) {
      // A pipe or a device can't be cut; then the reader meets a broken line.
      if (done > 0) await this.#takeBack(done).catch(() => undefined);
      throw error;
    }
  }

  /** From the size that the file has: another may have emptied it. */
  async #takeBack(bytes: number): Promise<void> {
    const { size } = await fs.fstat(this.#fd);
    await fs.ftruncate(this.#fd, size - bytes);
  }

  async close(): Promise<void> {
    await fs.close(this.#fd);
  }
}
