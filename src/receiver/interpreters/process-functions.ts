/** What is known of the functions of each process, the newest processes' at most. */
import { makeRoom } from "../../make-room.ts";
import type { KnownFunctions } from "./known-functions.ts";

const PROCESS_LIMIT = 1024;

export class ProcessFunctions {
  readonly #processes = new Map<number, KnownFunctions>();

  has(tgid: number): boolean {
    return this.#processes.has(tgid);
  }

  get(tgid: number): KnownFunctions | undefined {
    return this.#processes.get(tgid);
  }

  set(tgid: number, functions: KnownFunctions): void {
    makeRoom(this.#processes, PROCESS_LIMIT);
    this.#processes.set(tgid, functions);
  }

  delete(tgid: number): void {
    this.#processes.delete(tgid);
  }
}
