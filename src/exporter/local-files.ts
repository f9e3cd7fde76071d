import { constants, openSync } from "node:fs";
import { readdir, readFile, rename, rm } from "node:fs/promises";
import type { FileAccess } from "./exporter.ts";

/** The files as this process may open them. */
export const localFiles: FileAccess = {
  read: (path) => readFile(path),
  // A bare descriptor and no FileHandle: a handle closes itself when it is collected.
  open: async (path, append) =>
    openSync(path, constants.O_WRONLY | constants.O_CREAT | (append ? constants.O_APPEND : constants.O_TRUNC), 0o640),
  rename,
  remove: (path) => rm(path, { force: true }),
  list: (folder) => readdir(folder),
};
