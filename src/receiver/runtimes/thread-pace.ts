/** When a process's threads are looked at: soon after one shows, then in pauses that grow when many looks in a row have brought nothing. */

export const THREADS_AFTER_MS = 2;
const FIRST_PAUSE_MS = 30;
const FRUITLESS_LOOKS = 10;
const LONGEST_PAUSE_MS = 20_000;

export function pauseMs(fruitlessLooks: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.max(0, fruitlessLooks - FRUITLESS_LOOKS));
}
