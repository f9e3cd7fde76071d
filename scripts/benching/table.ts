/** A table of candidates and their figures, for people. */

export type Figures = Readonly<Record<string, number | string>>;

export function formatTable(rows: Readonly<Record<string, Figures>>): string {
  const columns = [...new Set(Object.values(rows).flatMap((figures) => Object.keys(figures)))];
  const cells = [
    ["", ...columns],
    ...Object.entries(rows).map(([name, figures]) => [name, ...columns.map((column) => format(figures[column]))]),
  ];
  const widths = cells[0]?.map((_, index) => Math.max(...cells.map((row) => row[index]?.length ?? 0))) ?? [];
  return cells
    .map((row) =>
      row.map((cell, index) => (index === 0 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0))),
    )
    .map((row) => `  ${row.join("  ")}`)
    .join("\n");
}

function format(value: number | string | undefined): string {
  if (value === undefined) return "";
  if (typeof value === "string") return value;
  return Number.isInteger(value) ? value.toLocaleString("en-US") : value.toFixed(2);
}
