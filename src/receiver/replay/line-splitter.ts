/** Pieces of a text file to lines, in bounded memory. */
import { StringDecoder } from "node:string_decoder";

/** A longer line is damage: an event's payload is at most some hundred kilobytes. */
const MAXIMUM_LINE_CHARACTERS = 32 * 1024 * 1024;

export class LineSplitter {
  readonly #decoder = new StringDecoder("utf8");
  readonly #onLine: (line: string, offset: number) => void;
  #rest = "";
  #offset = 0;

  /** @param onLine called with the line without its end and the file offset (exact for ASCII) where it begins */
  constructor(onLine: (line: string, offset: number) => void) {
    this.#onLine = onLine;
  }

  /** @returns false: a line is longer than any can be */
  push(chunk: Uint8Array): boolean {
    const text = this.#rest + this.#decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      this.#onLine(text.slice(start, text[end - 1] === "\r" ? end - 1 : end), this.#offset + start);
      start = end + 1;
    }
    this.#rest = text.slice(start);
    this.#offset += start;
    return this.#rest.length <= MAXIMUM_LINE_CHARACTERS;
  }

  /** @returns the offset of a last line without an end, or undefined */
  end(): { rest: string; offset: number } | undefined {
    const rest = this.#rest + this.#decoder.end();
    return rest === "" ? undefined : { rest, offset: this.#offset };
  }
}
