/**
 * When one TCP connection tells the kernel what is wanted of it. Each verdict costs a map update, so they are few: asked
 * for again at the 2nd, 4th, 8th event, and message's end, that shows that the kernel has not followed.
 */
import { EventFlags } from "../../bpf/layout.gen.ts";
import type { AnyProtocol } from "../protocols/registry.ts";
import { type Side, WORTHWHILE_BYTES } from "./connection-side.ts";
import type { StreamPlaces, Verdict } from "./verdict.ts";

/** A drop ends by itself; it is not asked for again before it can have begun. */
const DROP_AGAIN_NS = 50_000_000;

export class CaptureSteering {
  readonly #ingress: Side;
  readonly #egress: Side;
  readonly #say: (verdict: Verdict) => void;
  #mode: "prefix" | "all" | "whole" = "prefix";
  #droppedNs = Number.NEGATIVE_INFINITY;
  /** Its parser wanted more than its framing lets through. */
  #isFramingRefused = false;

  constructor(ingress: Side, egress: Side, say: (verdict: Verdict) => void) {
    this.#ingress = ingress;
    this.#egress = egress;
    this.#say = say;
  }

  drop(nowNs: number): void {
    if (nowNs - this.#droppedNs < DROP_AGAIN_NS) return;
    this.#droppedNs = nowNs;
    this.#say({ mode: "drop" });
  }

  /** A message was cut short by what was captured of its call. */
  wantAll(isLeftOut: boolean): void {
    if (isLeftOut) this.#isFramingRefused = true;
    if (this.#mode !== "prefix") return;
    this.#wantMore("all");
    if (isLeftOut) this.#say({ mode: "all" });
  }

  /** Said with the next event of each side. */
  #wantMore(mode: "all" | "whole"): void {
    if (this.#mode === mode) return;
    this.#mode = mode;
    for (const side of [this.#ingress, this.#egress]) side.plainEvents = 0;
  }

  /** The connection speaks something else from now on. */
  reset(): void {
    const isWalked = this.#ingress.isWalked || this.#egress.isWalked;
    this.#isFramingRefused = false;
    this.#mode = "prefix";
    if (isWalked) this.#say({ mode: "prefix" });
  }

  /** An event of `side` has been read as far as it goes. */
  read(side: Side, flags: number, protocol: AnyProtocol, state: unknown, isLocalClient: boolean): void {
    const { ended } = side;
    side.ended = 0;
    side.isWalked = (flags & EventFlags.frames) !== 0;
    if (side.isWalked) {
      side.plainEvents = 0;
      side.plainEnds = 0;
      return;
    }
    // Calls of several messages grow with the load, and one that is cut between two messages costs the pairing of all.
    if (ended > 1) this.#wantMore("whole");
    const isBulk = side.stream.position - side.stream.frontier >= WORTHWHILE_BYTES;
    const count = ++side.plainEvents;
    // Behind a message a connection often rests, so that the kernel hears of the place before it has passed.
    const isAtRest = ended > 0 && isPowerOfTwo(++side.plainEnds);
    if (!isPowerOfTwo(count) && !isAtRest && !isBulk) return;
    const { framing } = protocol;
    if (framing !== undefined && !this.#isFramingRefused && (protocol.isFramed?.(state) ?? true)) {
      this.#say({ mode: "frames", framing, isLocalClient, places: this.#places() });
    } else if (isBulk) this.#say({ mode: this.#mode, places: this.#places() });
    else if (this.#mode !== "prefix" && count === 1) this.#say({ mode: this.#mode });
  }

  #places(): StreamPlaces {
    return { ingress: placeOf(this.#ingress), egress: placeOf(this.#egress) };
  }
}

function isPowerOfTwo(count: number): boolean {
  return (count & (count - 1)) === 0;
}

/** Where a message starts, if nothing behind it has come yet. */
function placeOf({ stream, isSynced, isBetween }: Side): number | undefined {
  if (!isSynced || isBetween || stream.available > 0 || stream.hasObstacle) return undefined;
  return stream.isStarted ? stream.position : 0;
}
