import { randomUUID } from "node:crypto";
import { close, open, write } from "node:fs";
import { access, constants, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { messageOf } from "../../error.ts";
import { StageAccount } from "../../mapping/account.ts";
import type { Profile } from "../../mapping/profile.ts";
import { encodePprof } from "../../mapping/profiles/pprof.ts";
import { DeliveryLog } from "../delivery-log.ts";
import { ExporterFileError } from "../error.ts";
import type { ExporterDeps, ProfileExporter } from "../exporter.ts";
import type { PprofSettings } from "./settings.ts";

/** Profiles that wait for their period's end beyond this are lost, and counted. */
const MAX_SAMPLES = 2_000_000;
const FILE_NAME = /^(?:cpu|off_cpu)-\d{4}-\d\d-\d\dT[\d-]+Z\.pb\.gz$/;

export function createPprofExporter(id: string, settings: PprofSettings, deps: ExporterDeps): ProfileExporter {
  return new PprofExporter(id, settings, deps);
}

class PprofExporter implements ProfileExporter {
  readonly id: string;
  readonly account: StageAccount;
  readonly #settings: PprofSettings;
  readonly #log: DeliveryLog;
  #profiles: Profile[] = [];
  #sampleCount = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(id: string, settings: PprofSettings, deps: ExporterDeps) {
    this.id = id;
    this.account = new StageAccount(`exporter/${id}`, "profiles");
    this.#settings = settings;
    this.#log = new DeliveryLog(deps.log, deps.now, "profiles");
  }

  /** The folder was made before privileges went. */
  async start(): Promise<void> {
    try {
      await access(this.#settings.directory, constants.W_OK | constants.X_OK);
    } catch (error) {
      throw new ExporterFileError("directory", this.#settings.directory, error);
    }
    this.#timer = setInterval(() => this.#close(), this.#settings.period);
  }

  consume(profiles: readonly Profile[]): void {
    this.account.addIn(profiles.length);
    for (const profile of profiles) {
      if (this.#sampleCount >= MAX_SAMPLES) {
        this.account.addLost("queue_full");
        this.#log.dropped("queue_full", 1);
        continue;
      }
      this.#profiles.push(profile);
      this.#sampleCount += profile.samples.length;
    }
  }

  async shutdown(deadlineMs: number): Promise<void> {
    clearInterval(this.#timer);
    this.#close();
    const timer = new AbortController();
    const timeout = sleep(deadlineMs, undefined, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([this.#writing, timeout]);
    timer.abort();
    this.#log.end();
  }

  /** The period is over. */
  #close(): void {
    const profiles = this.#profiles;
    this.#profiles = [];
    this.#sampleCount = 0;
    for (const type of ["cpu", "off_cpu"] as const) {
      const group = profiles.filter((profile) => profile.type === type);
      if (group.length > 0) this.#writing = this.#writing.then(() => this.#write(type, group));
    }
  }

  async #write(type: Profile["type"], profiles: readonly Profile[]): Promise<void> {
    const { directory, max_files } = this.#settings;
    try {
      const bytes = await compress(encodePprof(profiles));
      const end = new Date().toISOString().replaceAll(/[:.]/g, "-");
      const path = join(directory, `${type}-${end}.pb.gz`);
      // Whoever watches the folder sees whole files only.
      const hidden = join(directory, `.${randomUUID()}`);
      await writeNew(hidden, bytes);
      await rename(hidden, path);
      this.account.addOut(profiles.length);
      this.#log.succeeded();
      await prune(directory, max_files);
    } catch (error) {
      this.account.addLost("write_failed", profiles.length);
      this.#log.dropped("write_failed", profiles.length, messageOf(error));
    }
  }
}

const compress = promisify<Uint8Array, Buffer>(gzip);
const fs = { open: promisify(open), close: promisify(close), write: promisify(write) };

/** Never through a link that somebody has put there. */
async function writeNew(path: string, bytes: Buffer): Promise<void> {
  const fd = await fs.open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o640);
  try {
    for (let done = 0; done < bytes.length; ) done += (await fs.write(fd, bytes, done)).bytesWritten;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await fs.close(fd);
  }
}

/** Names end with the time of their period's end: the last characters sort. */
async function prune(directory: string, keep: number): Promise<void> {
  const time = (name: string) => name.slice(name.indexOf("-"));
  const names = (await readdir(directory)).filter((name) => FILE_NAME.test(name));
  names.sort((a, b) => time(a).localeCompare(time(b)));
  for (const name of names.slice(0, Math.max(0, names.length - keep))) await rm(join(directory, name), { force: true });
}
