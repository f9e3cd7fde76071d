/**
 * Whether to be told who asks for the calls of grpc-go's client. A program that has one is told of from its start, so that its
 * first calls are seen; no longer, where it serves and makes no such call; then again when it makes one.
 */
import { UnitKind } from "../../../bpf/layout.gen.ts";
import type { TraceNode } from "../trace-node.ts";
import { isOfIdleGoroutine } from "./handover-watch.ts";

/** So many requests in a row without such a call. */
const IN_VAIN = 1024;
/** Each time it is taken up again it goes on so many times as long. */
const GROWTH = 4;

export class StreamWatch {
  #isOn = true;
  #requests = 0;
  #inVain = IN_VAIN;

  told(): void {
    this.#requests = 0;
  }

  /** A request was read. @returns whether they are to be watched from now on; undefined: as before */
  served(unitKind: number): boolean | undefined {
    if (!this.#isOn || unitKind !== UnitKind.goroutine || ++this.#requests < this.#inVain) return undefined;
    this.#isOn = false;
    return false;
  }

  /** Of a call over HTTP/2 nothing is known. */
  called(call: TraceNode): boolean | undefined {
    if (this.#isOn || call.streamId === 0 || !isOfIdleGoroutine(call)) return undefined;
    this.#isOn = true;
    this.#requests = 0;
    this.#inVain *= GROWTH;
    return true;
  }
}
