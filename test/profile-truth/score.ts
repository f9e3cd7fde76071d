/** Samples held against what the program says of itself. */
import type { ReadSample } from "./read-samples.ts";

/** One burning, as the server wrote it: monotonic nanoseconds. */
export interface Burning {
  /** 0: any. */
  readonly threadId: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly id: string;
}

export interface Shares {
  readonly samples: number;
  readonly complete: number;
  readonly heavy: number;
  readonly light: number;
}

export interface Links {
  readonly right: number;
  readonly wrong: number;
  readonly missing: number;
}

/** The clocks of two processes agree to less than this. */
const MARGIN_NS = 2_000_000n;
const HEAVY = /\bheavy\b/;
const LIGHT = /\blight\b/;

export function sharesOf(samples: readonly ReadSample[]): Shares {
  const count = (isWanted: (sample: ReadSample) => boolean) => samples.filter(isWanted).length;
  return {
    samples: samples.length,
    complete: count(({ isCut }) => !isCut),
    heavy: count(({ functions }) => functions.some((name) => HEAVY.test(name))),
    light: count(({ functions }) => functions.some((name) => LIGHT.test(name))),
  };
}

export function parseBurnings(text: string): Burning[] {
  return text
    .split("\n")
    .map((line) => line.split(" "))
    .filter((words) => words.length === 4)
    .map(([thread, start, end, id]) => ({
      threadId: Number(thread),
      startNs: BigInt(start!),
      endNs: BigInt(end!),
      id: id!,
    }));
}

/**
 * Of samples that were surely taken inside a burning; where the thread is not told several overlap, and each is right.
 *
 * @param clockOffsetNs wall minus monotonic time
 */
export function linksOf(
  samples: readonly ReadSample[],
  burnings: readonly Burning[],
  idOfSpan: ReadonlyMap<string, string>,
  clockOffsetNs: bigint,
): Links {
  const links = { right: 0, wrong: 0, missing: 0 };
  for (const { timeUnixNano, threadId, functions, spanId } of samples) {
    const isHeavy = functions.some((name) => HEAVY.test(name));
    if (!isHeavy && !functions.some((name) => LIGHT.test(name))) continue;
    const time = timeUnixNano - clockOffsetNs;
    const burning = burnings.filter(
      (each) =>
        each.startNs + MARGIN_NS <= time &&
        time <= each.endNs - MARGIN_NS &&
        (each.threadId === 0 || each.threadId === threadId),
    );
    if (burning.length === 0) continue;
    if (spanId === undefined) links.missing++;
    else if (burnings.some((each) => each.id === idOfSpan.get(spanId) && isNear(each, time))) links.right++;
    else links.wrong++;
  }
  return links;
}

function isNear({ startNs, endNs }: Burning, time: bigint): boolean {
  return startNs - MARGIN_NS <= time && time <= endNs + MARGIN_NS;
}
