/** GPIDSyncEntry, which both generations have alike. Side 0 is the client. */
import type { ConnectionProcess } from "./connection-processes.ts";
import { ServiceProtocol } from "./proto/agent.gen.ts";

interface GpidEntry {
  readonly protocol: number;
  readonly ipv40: number;
  readonly port0: number;
  readonly pid0: number;
  readonly ipv41: number;
  readonly port1: number;
  readonly pid1: number;
}

export function toGpidEntry(connection: ConnectionProcess) {
  return {
    protocol: connection.isUdp ? ServiceProtocol.UDP_SERVICE : ServiceProtocol.TCP_SERVICE,
    ipv40: connection.clientIp,
    port0: connection.clientPort,
    pid0: connection.clientProcess,
    ipv41: connection.serverIp,
    port1: connection.serverPort,
    pid1: connection.serverProcess,
  };
}

export function fromGpidEntry(entry: GpidEntry): ConnectionProcess {
  return {
    isUdp: entry.protocol === ServiceProtocol.UDP_SERVICE,
    clientIp: entry.ipv40,
    clientPort: entry.port0,
    clientProcess: entry.pid0,
    serverIp: entry.ipv41,
    serverPort: entry.port1,
    serverProcess: entry.pid1,
  };
}
