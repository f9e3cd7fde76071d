/** Ids of processes in the whole fleet (GPIDSync): what agents report of a connection's two ends is put together here. */
import { type ConnectionProcess, connectionKey } from "../../../trident/connection-processes.ts";

const MAX_CONNECTIONS_OF_REQUEST = 8192;
const MAX_CONNECTIONS = 65_536;
const MAX_PROCESSES = 65_536;

export class ProcessIds {
  readonly #ids = new Map<string, number>();
  readonly #ends = new Map<string, { client: number; server: number }>();
  #lastId = 0;

  /** The same connections with the ids of the processes at both ends, as far as an agent has reported them. */
  report(agentId: number, connections: readonly ConnectionProcess[]): ConnectionProcess[] {
    return connections.slice(0, MAX_CONNECTIONS_OF_REQUEST).map((connection) => {
      const ends = this.#endsOf(connectionKey(connection));
      ends.client = this.#idOf(agentId, connection.clientProcess) || ends.client;
      ends.server = this.#idOf(agentId, connection.serverProcess) || ends.server;
      return { ...connection, clientProcess: ends.client, serverProcess: ends.server };
    });
  }

  #endsOf(key: string): { client: number; server: number } {
    let ends = this.#ends.get(key);
    if (ends === undefined) {
      // Ports come from strangers and are used again: the table starts anew.
      if (this.#ends.size >= MAX_CONNECTIONS) this.#ends.clear();
      ends = { client: 0, server: 0 };
      this.#ends.set(key, ends);
    }
    return ends;
  }

  #idOf(agentId: number, processId: number): number {
    if (processId === 0) return 0;
    const key = `${agentId}:${processId}`;
    let id = this.#ids.get(key);
    if (id === undefined) {
      if (this.#ids.size >= MAX_PROCESSES) this.#ids.clear();
      id = ++this.#lastId;
      this.#ids.set(key, id);
    }
    return id;
  }
}
