/** The configuration that runs, the one that a reload has read, and the way back. */

import type { LoadedConfig } from "../service/config/load.ts";
import { checkExporterKeys } from "../service/exporter-keys.ts";

export class ConfigInUse {
  readonly #load: () => LoadedConfig;
  #current: LoadedConfig;
  /** The last that captured. */
  #proven: LoadedConfig | undefined;

  /** @throws what `load` throws */
  constructor(load: () => LoadedConfig) {
    this.#load = load;
    this.#current = load();
  }

  get current(): LoadedConfig {
    return this.#current;
  }

  /** @throws SockspanError: the new one can't be used, and nothing has changed */
  async reload(): Promise<void> {
    const loaded = this.#load();
    await checkExporterKeys(loaded.config);
    this.#current = loaded;
  }

  /** It captures with the current one. */
  prove(): void {
    this.#proven = this.#current;
  }

  /** There is one that captured before the current one, which has not. */
  get hasProven(): boolean {
    return this.#proven !== undefined && this.#proven !== this.#current;
  }

  /** Takes the one that captured before. */
  goBack(): void {
    this.#current = this.#proven ?? this.#current;
  }
}
