/** One resource object per process of an agent, made from what its rows say. Bounded: the whole table starts anew. */
import type { Attribute, Resource } from "../../mapping/span.ts";
import { formatIpv4, formatIpv6 } from "../../mapping/trident/address.ts";
import { IdHash } from "../../mapping/trident/rows/id-hash.ts";
import type { L7Row } from "../../mapping/trident/rows/l7-row.ts";

const MAX_RESOURCES = 50_000;

export class ResourceTable {
  readonly #resources = new Map<string, Resource>();
  readonly #hostOf: (agentKey: number) => string | undefined;

  /** @param hostOf the name that an agent registered with */
  constructor(hostOf: (agentKey: number) => string | undefined) {
    this.#hostOf = hostOf;
  }

  of(row: L7Row, side: "client" | "server", agentKey: number): Resource {
    const isServer = side === "server";
    const processId = isServer ? row.processId1 : row.processId0;
    const processName = isServer ? row.processName1 : row.processName0;
    const address = (): string => {
      if (row.isIpv6) return formatIpv6(isServer ? row.ip61 : row.ip60);
      return formatIpv4(isServer ? row.ip1 : row.ip0);
    };
    // Rows from interfaces know no process: the address is all there is.
    const name = row.serviceName || processName || address();
    return this.#ofName(name, processId, processName, agentKey);
  }

  /** The same resource as the process's spans have, where its rows name no service. */
  ofProcess(processId: number, processName: string, agentKey: number): Resource {
    return this.#ofName(processName || "unknown", processId, processName, agentKey);
  }

  #ofName(name: string, processId: number, processName: string, agentKey: number): Resource {
    return this.get(`${agentKey}:${processId}:${name}`, () => {
      const attributes: Attribute[] = [["service.name", name]];
      if (processId !== 0) {
        const instance = new IdHash().add(agentKey).add(processId).addText(name).spanId();
        attributes.push(["service.instance.id", instance], ["process.pid", processId]);
        if (processName !== "") attributes.push(["process.executable.name", processName]);
      }
      const host = this.#hostOf(agentKey);
      if (host !== undefined) attributes.push(["host.name", host]);
      attributes.push(["deepflow.agent.id", agentKey & 0xffff]);
      return attributes;
    });
  }

  get(key: string, attributes: () => Attribute[]): Resource {
    const found = this.#resources.get(key);
    if (found !== undefined) return found;
    if (this.#resources.size >= MAX_RESOURCES) this.#resources.clear();
    const resource: Resource = { attributes: attributes() };
    this.#resources.set(key, resource);
    return resource;
  }
}
