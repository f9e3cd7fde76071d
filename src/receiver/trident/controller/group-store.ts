/** Groups' configurations from a folder of YAML files, looked at again and again. A broken file keeps what was there. */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { messageOf } from "../../../error.ts";
import type { Log } from "../../../log.ts";
import { type ConfigTree, isTree } from "../../../mapping/trident/config/config-tree.ts";

const DEFAULT_GROUP = "default";
const MAX_FILE_BYTES = 1 << 20;
/** A YAML of strangers may grow by aliases. */
const MAX_ALIASES = 100;

interface Group {
  readonly stamp: string;
  readonly tree: ConfigTree;
}

export class GroupStore {
  readonly #directory: string | undefined;
  readonly #log: Log;
  #groups = new Map<string, Group>();
  readonly #refused = new Map<string, string>();

  constructor(directory: string | undefined, log: Log) {
    this.#directory = directory;
    this.#log = log;
  }

  /** Of the agent's group, else of the group `default`, else empty. */
  treeOf(groupName: string): ConfigTree {
    return (this.#groups.get(groupName) ?? this.#groups.get(DEFAULT_GROUP))?.tree ?? {};
  }

  has(groupName: string): boolean {
    return this.#groups.has(groupName);
  }

  /** True when something changed. */
  reload(): boolean {
    if (this.#directory === undefined) return false;
    const groups = new Map<string, Group>();
    let files: string[] = [];
    try {
      files = readdirSync(this.#directory);
    } catch (error) {
      this.#refuse(this.#directory, "", error);
      return false;
    }
    let isChanged = false;
    for (const file of files.sort()) {
      const name = /^([\w.-]+)\.ya?ml$/.exec(file)?.[1];
      if (name === undefined) continue;
      const before = this.#groups.get(name);
      const group = this.#read(join(this.#directory, file), before);
      if (group !== undefined) groups.set(name, group);
      if (group !== before) isChanged = true;
    }
    if (groups.size !== this.#groups.size) isChanged = true;
    this.#groups = groups;
    return isChanged;
  }

  #read(path: string, before: Group | undefined): Group | undefined {
    let stamp = "";
    try {
      const { mtimeMs, size, ino } = statSync(path);
      stamp = `${mtimeMs} ${size} ${ino}`;
      if (before?.stamp === stamp || this.#refused.get(path) === stamp) return before;
      if (size > MAX_FILE_BYTES) throw new Error(`larger than ${MAX_FILE_BYTES} bytes`);
      const tree: unknown = parse(readFileSync(path, "utf8"), { maxAliasCount: MAX_ALIASES }) ?? {};
      if (!isTree(tree)) throw new Error("not a mapping");
      this.#refused.delete(path);
      return { stamp, tree };
    } catch (error) {
      this.#refuse(path, stamp, error);
      return before;
    }
  }

  #refuse(path: string, stamp: string, error: unknown): void {
    if (this.#refused.get(path) === stamp) return;
    this.#refused.set(path, stamp);
    this.#log.warn("group configuration can't be read, the one before stays", {
      path,
      error: messageOf(error),
    });
  }
}
