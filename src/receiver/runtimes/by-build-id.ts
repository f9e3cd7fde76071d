/** What is found out of a file once for all processes that run it: its symbol table is not read for each. Bounded. */
import { makeRoom } from "../../make-room.ts";
import { isReadable } from "../elf/byte-source.ts";
import { buildIdOf, type Image } from "./images.ts";

const MAX_FILES = 64;

export class ByBuildId<T> {
  readonly #find: (image: Image) => Promise<T>;
  readonly #found = new Map<string, Promise<T>>();

  constructor(find: (image: Image) => Promise<T>) {
    this.#find = find;
  }

  /** A file without a build id is looked at each time. */
  async of(image: Image): Promise<T> {
    const id = await buildIdOf(image);
    const before = id === undefined ? undefined : this.#found.get(id);
    if (before !== undefined) return before;
    const found = this.#find(image);
    if (id !== undefined) {
      makeRoom(this.#found, MAX_FILES);
      this.#found.set(id, found);
      this.#forgetIfCut(id, found, image);
    }
    return found;
  }

  /** Reads of a process that has gone are empty, so what was found in them holds for nobody. */
  #forgetIfCut(id: string, found: Promise<T>, { elf }: Image): void {
    found
      .then(() => isReadable(elf.source))
      .catch(() => false)
      .then((isWhole) => {
        if (!isWhole && this.#found.get(id) === found) this.#found.delete(id);
      });
  }
}
