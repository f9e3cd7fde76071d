/** One line of /proc/PID/maps that the broker must judge itself: a file's, executable, exactly where the worker says. */
const LINE = /^([0-9a-f]+)-([0-9a-f]+) r.x. ([0-9a-f]+) \S+ [1-9]\d* /;

/** @returns undefined when there is no such mapping */
export function parseExecutableMapping(
  maps: string,
  start: number,
  end: number,
): { readonly fileOffset: number } | undefined {
  for (const line of maps.split("\n")) {
    const [, from, to, offset] = LINE.exec(line) ?? [];
    if (from === undefined || to === undefined || offset === undefined) continue;
    if (Number.parseInt(from, 16) !== start || Number.parseInt(to, 16) !== end) continue;
    return { fileOffset: Number.parseInt(offset, 16) };
  }
  return undefined;
}
