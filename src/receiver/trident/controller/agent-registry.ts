/** The agents of a controller: who they are and the id that each keeps. Ids outlive this process when a file is given. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { TridentFileError } from "../error.ts";

export interface Agent {
  readonly id: number;
  readonly key: string;
  host: string;
  groupName: string;
  revision: string;
  lastSeenMs: number;
  /** Interfaces from GenesisSync, `mac -> addresses`. */
  interfaces: ReadonlyMap<bigint, readonly string[]>;
  genesisVersion: bigint;
  kubernetesVersion: bigint;
}

const storedAgents = z.array(
  z.object({ id: z.number().int().min(1).max(64_000), key: z.string(), host: z.string(), group: z.string() }),
);

export class AgentRegistry {
  readonly #byKey = new Map<string, Agent>();
  readonly #byId = new Map<number, Agent>();
  readonly #maxAgents: number;
  readonly #file: string | undefined;
  #nextId = 1;
  #isDirty = false;

  constructor(maxAgents: number, storageDirectory: string | undefined) {
    this.#maxAgents = maxAgents;
    this.#file = storageDirectory === undefined ? undefined : join(storageDirectory, "trident-agents.json");
  }

  get agents(): IterableIterator<Agent> {
    return this.#byKey.values();
  }

  load(): void {
    if (this.#file === undefined) return;
    let text: string;
    try {
      mkdirSync(dirname(this.#file), { recursive: true });
      text = readFileSync(this.#file, "utf8");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
      throw new TridentFileError("controller.storage_directory", this.#file, error);
    }
    try {
      for (const { id, key, host, group } of storedAgents.parse(JSON.parse(text))) this.#add(id, key, host, group);
    } catch (error) {
      throw new TridentFileError("controller.storage_directory", this.#file, error);
    }
  }

  find(key: string): Agent | undefined {
    return this.#byKey.get(key);
  }

  findById(id: number): Agent | undefined {
    return this.#byId.get(id);
  }

  /** undefined: there are as many as may be. */
  register(key: string, host: string, groupName: string): Agent | undefined {
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      if (known.host !== host || known.groupName !== groupName) {
        known.host = host;
        known.groupName = groupName;
        this.#isDirty = true;
      }
      return known;
    }
    if (this.#byKey.size >= this.#maxAgents) return undefined;
    while (this.#byId.has(this.#nextId)) this.#nextId++;
    this.#isDirty = true;
    return this.#add(this.#nextId, key, host, groupName);
  }

  /** Called now and then, not for each change: a thousand agents may come at once. */
  save(): void {
    if (!this.#isDirty || this.#file === undefined) return;
    this.#isDirty = false;
    const stored = [...this.#byKey.values()].map(({ id, key, host, groupName }) => ({
      id,
      key,
      host,
      group: groupName,
    }));
    const temporary = `${this.#file}.new`;
    try {
      writeFileSync(temporary, `${JSON.stringify(stored)}\n`, { mode: 0o600 });
      renameSync(temporary, this.#file);
    } catch (error) {
      throw new TridentFileError("controller.storage_directory", this.#file, error);
    }
  }

  #add(id: number, key: string, host: string, groupName: string): Agent {
    const agent: Agent = {
      id,
      key,
      host,
      groupName,
      revision: "",
      lastSeenMs: 0,
      interfaces: new Map(),
      genesisVersion: 0n,
      kubernetesVersion: 0n,
    };
    this.#byKey.set(key, agent);
    this.#byId.set(id, agent);
    return agent;
  }
}
