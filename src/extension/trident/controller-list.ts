/** Which controller is asked next: the one that the last configuration named, then the configured ones in turn. */
export interface ControllerAddress {
  readonly host: string;
  readonly port: number;
}

const PROXY_RETRY_MS = 600_000;

export class ControllerList {
  readonly #configured: readonly ControllerAddress[];
  #next = 0;
  #proxy: ControllerAddress | undefined;
  #isProxyTried = true;
  /** A choice of the controller's that could not be reached, and when: it is not tried again at every answer. */
  #unreachable: { readonly key: string; readonly atMs: number } | undefined;
  readonly #now: () => number;

  constructor(configured: readonly ControllerAddress[], now: () => number) {
    this.#now = now;
    this.#configured = configured;
  }

  get current(): ControllerAddress {
    if (this.#proxy !== undefined && !this.#isProxyTried) return this.#proxy;
    return this.#configured[this.#next] as ControllerAddress;
  }

  failed(): void {
    if (this.#proxy !== undefined && !this.#isProxyTried) {
      this.#isProxyTried = true;
      this.#unreachable = { key: keyOf(this.#proxy), atMs: this.#now() };
    } else this.#next = (this.#next + 1) % this.#configured.length;
  }

  /** From a configuration that was just answered with. */
  setProxy(address: ControllerAddress | undefined): void {
    this.#proxy = address;
    const before = this.#unreachable;
    this.#isProxyTried =
      address === undefined || (before?.key === keyOf(address) && this.#now() - before.atMs < PROXY_RETRY_MS);
  }
}

export function parseController(endpoint: string): ControllerAddress {
  const at = endpoint.lastIndexOf(":");
  return { host: endpoint.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(endpoint.slice(at + 1)) };
}

function keyOf({ host, port }: ControllerAddress): string {
  return `${host} ${port}`;
}
