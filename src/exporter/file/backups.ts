import { basename, dirname, extname, join } from "node:path";
import type { FileAccess } from "../exporter.ts";

/**
 * Backups are named as the Collector's: `traces-2026-01-31T10-20-30.123.json` for `traces.json`.
 * Names sort by time, so the oldest come first.
 */
export function backupPath(path: string, now: Date): string {
  const extension = extname(path);
  const time = now.toISOString().slice(0, -1).replaceAll(":", "-");
  return join(dirname(path), `${basename(path, extension)}-${time}${extension}`);
}

/** Removes the oldest backups until `keep` are left. */
export async function pruneBackups(path: string, keep: number, files: FileAccess): Promise<void> {
  const extension = extname(path);
  const prefix = `${basename(path, extension)}-`;
  const backups = (await files.list(dirname(path)))
    .filter((name) => name.startsWith(prefix) && name.endsWith(extension))
    .filter((name) => /^\d{4}-\d\d-\d\dT[\d.-]+$/.test(name.slice(prefix.length, name.length - extension.length)))
    .sort();
  for (const name of backups.slice(0, Math.max(0, backups.length - keep)))
    await files.remove(join(dirname(path), name));
}
