import { setTimeout as sleep } from "node:timers/promises";

/** Waits until `condition` holds. It ends by itself some time after mocha has given the test up. */
export async function eventually(condition: () => boolean): Promise<void> {
  const giveUpMs = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > giveUpMs) throw new Error(`never came true: ${condition}`);
    await sleep(5);
  }
}
