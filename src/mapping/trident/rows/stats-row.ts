/** A row of a DFSTATS frame: one set of the sender's own numbers (proto/stats/stats.proto). */
import { WireWriter } from "../wire/wire-writer.ts";

interface StatsRow {
  readonly timestampS: number;
  readonly name: string;
  readonly tags: ReadonlyMap<string, string>;
  readonly metrics: ReadonlyMap<string, number>;
  readonly organizationId: number;
  readonly teamId: number;
}

const writer = new WireWriter();

export function encodeStatsRow(row: StatsRow): Uint8Array {
  writer.uint(1, row.timestampS);
  writer.string(2, row.name);
  for (const name of row.tags.keys()) writer.repeatedString(3, name);
  for (const value of row.tags.values()) writer.repeatedString(4, value);
  for (const name of row.metrics.keys()) writer.repeatedString(7, name);
  const values = new Float64Array([...row.metrics.values()]);
  writer.bytes(8, littleEndian(values));
  writer.uint(9, row.organizationId);
  writer.uint(10, row.teamId);
  return writer.take();
}

/** Packed doubles, whatever this machine's order of bytes is. */
function littleEndian(values: Float64Array): Uint8Array {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => {
    view.setFloat64(index * 8, value, true);
  });
  return bytes;
}
