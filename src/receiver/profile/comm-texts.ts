/** Names of threads: most samples come from the same few. */
import { commText } from "../comm-text.ts";

const COMM_LIMIT = 1024;

export class CommTexts {
  readonly #texts = new Map<string, string>();

  text(comm: Uint8Array): string {
    const bytes = Buffer.from(comm.buffer, comm.byteOffset, comm.length).toString("latin1");
    let text = this.#texts.get(bytes);
    if (text === undefined) {
      text = commText(comm);
      if (this.#texts.size >= COMM_LIMIT) this.#texts.clear();
      this.#texts.set(bytes, text);
    }
    return text;
  }
}
