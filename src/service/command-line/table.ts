/** Columns for a terminal. */
import { escapeText } from "../../escape.ts";

export function table(rows: readonly (readonly string[])[]): string {
  const safe = rows.map((row) => row.map((cell) => escapeText(cell)));
  const widths = (safe[0] ?? []).map((_, column) => Math.max(...safe.map((row) => row[column]?.length ?? 0)));
  return safe
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
