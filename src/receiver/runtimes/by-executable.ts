/** What the processes of one executable have in common, by its path. Bounded: what was set first leaves first. */
import { setBounded } from "../../make-room.ts";

const MAX_EXECUTABLES = 256;

export class ByExecutable<T> {
  readonly #values = new Map<string, T>();

  get(path: string | undefined): T | undefined {
    return path === undefined ? undefined : this.#values.get(path);
  }

  set(path: string | undefined, value: T): void {
    if (path !== undefined) setBounded(this.#values, path, value, MAX_EXECUTABLES);
  }
}
