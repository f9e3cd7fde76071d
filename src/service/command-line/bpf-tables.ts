/** Rows of `bpf maps` and `bpf stats`. */
import type { BpfAnswer, BpfMapInfo, BpfProgramInfo } from "../../ipc/control-answers.ts";

export interface ListedMap extends BpfMapInfo {
  /** undefined: of an object, in no kernel. */
  readonly pid: number | undefined;
}

interface ProgramStats {
  readonly pid: number;
  readonly object: string;
  readonly program: string;
  readonly section: string;
  readonly runs: number;
  readonly runTimeNs: number;
  readonly missed: number;
  readonly intervalMs: number;
}

export function mapRows(maps: readonly ListedMap[]): string[][] {
  const rows = maps.map(({ pid, object, map, type, keySizeBytes, valueSizeBytes, maxEntries, ...use }) => [
    pid === undefined ? "-" : String(pid),
    object,
    map,
    type,
    String(keySizeBytes),
    String(valueSizeBytes),
    String(maxEntries),
    use.entries === undefined ? "-" : `${use.entries}${use.isEntriesCut ? "+" : ""}`,
    use.memoryBytes === undefined ? "-" : String(Math.ceil(use.memoryBytes / 1024)),
  ]);
  return [["PID", "OBJECT", "MAP", "TYPE", "KEY", "VALUE", "MAXIMUM", "ENTRIES", "MEMORY KB"], ...rows];
}

/** What one has that was started meanwhile is all of the interval; what has ended meanwhile is not told. */
export function programStats(
  before: readonly BpfAnswer[],
  after: readonly BpfAnswer[],
  intervalMs: number,
): ProgramStats[] {
  const earlier = new Map(before.flatMap(({ pid, programs }) => programs.map((each) => [keyOf(pid, each), each])));
  const stats = after.flatMap(({ pid, programs }) =>
    programs.map((each) => {
      const { runs = 0, runTimeNs = 0, missed = 0 } = earlier.get(keyOf(pid, each)) ?? {};
      const { object, program, section } = each;
      return {
        ...{ pid, object, program, section, intervalMs },
        runs: each.runs - runs,
        runTimeNs: each.runTimeNs - runTimeNs,
        missed: each.missed - missed,
      };
    }),
  );
  return stats.sort((a, b) => b.runTimeNs - a.runTimeNs);
}

function keyOf(pid: number, { object, program }: BpfProgramInfo): string {
  return `${pid} ${object} ${program}`;
}

export function statRows(stats: readonly ProgramStats[]): string[][] {
  const rows = stats.map(({ pid, program, section, runs, runTimeNs, missed, intervalMs }) => [
    String(pid),
    program,
    section,
    String(runs),
    ((runs * 1000) / intervalMs).toFixed(0),
    runs === 0 ? "-" : (runTimeNs / runs).toFixed(0),
    ((100 * runTimeNs) / 1e6 / intervalMs).toFixed(2),
    String(missed),
  ]);
  return [["PID", "PROGRAM", "SECTION", "RUNS", "RUNS/S", "NS/RUN", "% OF A CPU", "MISSED"], ...rows];
}
