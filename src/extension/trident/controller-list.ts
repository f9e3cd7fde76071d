/** Which controller is asked next: the one that the last configuration named, then the configured ones in turn. */
export interface ControllerAddress {
  readonly host: string;
  readonly port: number;
}

export class ControllerList {
  readonly #configured: readonly ControllerAddress[];
  #next = 0;
  #proxy: ControllerAddress | undefined;
  #isProxyTried = true;

  constructor(configured: readonly ControllerAddress[]) {
    this.#configured = configured;
  }

  get current(): ControllerAddress {
    if (this.#proxy !== undefined && !this.#isProxyTried) return this.#proxy;
    return this.#configured[this.#next] as ControllerAddress;
  }

  failed(): void {
    if (this.#proxy !== undefined && !this.#isProxyTried) this.#isProxyTried = true;
    else this.#next = (this.#next + 1) % this.#configured.length;
  }

  /** From a configuration that was just answered with. */
  setProxy(address: ControllerAddress | undefined): void {
    this.#proxy = address;
    this.#isProxyTried = address === undefined;
  }
}

export function parseController(endpoint: string): ControllerAddress {
  const at = endpoint.lastIndexOf(":");
  return { host: endpoint.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(endpoint.slice(at + 1)) };
}
