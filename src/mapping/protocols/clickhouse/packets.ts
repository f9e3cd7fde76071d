/** The types of ClickHouse's packets (src/Core/Protocol.h), and the revision where none was seen. */

export const Client = { hello: 0, query: 1, data: 2, cancel: 3, ping: 4, tablesStatus: 5 } as const;
export const Server = {
  hello: 0,
  data: 1,
  exception: 2,
  progress: 3,
  pong: 4,
  endOfStream: 5,
  profileInfo: 6,
  totals: 7,
  extremes: 8,
  log: 10,
  tableColumns: 11,
  profileEvents: 14,
  timezone: 17,
} as const;

/** What an answer begins with. */
export const SERVER_STARTS: ReadonlySet<number> = new Set([0, 1, 2, 3, 4, 5, 10, 11, 14]);
/** Of a client whose hello was not seen: what all that are in use know. */
export const ASSUMED_REVISION = 54_460;

/** rows, bytes, total rows; since 54463 total bytes; since 54420 written rows and bytes; since 54460 elapsed time */
export function progressFields(revision: number): number {
  return 3 + (revision >= 54_463 ? 1 : 0) + (revision >= 54_420 ? 2 : 0) + (revision >= 54_460 ? 1 : 0);
}
