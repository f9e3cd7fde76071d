import { constants, openSync } from "node:fs";
import { readdir, readFile, rename, rm } from "node:fs/promises";
import type { FileAccess } from "./exporter.ts";

/** The files as this process may open them. */
export const localFiles: FileAccess = {
  read: (path) => readFile(path),
  // A bare descriptor and no FileHandle: a handle closes itself when it is collected. Always at the end of the file,
  // wherever that is: a file that was cut must not get a hole.
  open: async (path, append) => {
    const { O_WRONLY, O_CREAT, O_APPEND, O_TRUNC } = constants;
    return openSync(path, O_WRONLY | O_CREAT | O_APPEND | (append ? 0 : O_TRUNC), 0o640);
  },
  rename,
  remove: (path) => rm(path, { force: true }),
  list: (folder) => readdir(folder),
};
