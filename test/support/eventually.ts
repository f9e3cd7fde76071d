import { setTimeout as sleep } from "node:timers/promises";

/** Waits until `condition` holds; mocha's own limit ends a wait that is in vain. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}
