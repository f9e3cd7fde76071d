/**
 * Which processes hold the connections that rows are made of, and what a controller calls these processes in its whole
 * fleet (GPID). IPv4 only, as the message is.
 */
import type { L7Row } from "../mapping/trident/rows/l7-row.ts";

export interface ConnectionProcess {
  readonly isUdp: boolean;
  readonly clientIp: number;
  readonly clientPort: number;
  /** 0: not of this host. From a controller: the id in the fleet. */
  readonly clientProcess: number;
  readonly serverIp: number;
  readonly serverPort: number;
  readonly serverProcess: number;
}

const MAX_CONNECTIONS = 8192;
const MAX_PROCESSES = 8192;
const UDP = 17;

export class ConnectionProcesses {
  /** False: nobody asks, nothing is kept. */
  isWanted = false;
  #noted = new Map<string, ConnectionProcess>();
  #reported: ReadonlyMap<string, ConnectionProcess> = new Map();
  #answered: ReadonlyMap<string, ConnectionProcess> = new Map();
  readonly #ids = new Map<number, number>();

  /** Keeps the row's connection for the next report and gives the row what the controller has said of its processes. */
  note(row: L7Row): void {
    if (!this.isWanted || row.ip0 === 0 || row.ip1 === 0) return;
    const connection = connectionOf(row);
    const key = connectionKey(connection);
    if (this.#noted.has(key) || this.#noted.size < MAX_CONNECTIONS) this.#noted.set(key, connection);
    const answer = this.#answered.get(key);
    row.gpid0 = this.#ids.get(row.processId0) ?? answer?.clientProcess ?? 0;
    row.gpid1 = this.#ids.get(row.processId1) ?? answer?.serverProcess ?? 0;
  }

  /** Connections that had rows since the last report. */
  take(): readonly ConnectionProcess[] {
    this.#reported = this.#noted;
    this.#noted = new Map();
    return [...this.#reported.values()];
  }

  /** @param answers of the last report; a process that the controller does not know has id 0 */
  learn(answers: readonly ConnectionProcess[]): void {
    const answered = new Map<string, ConnectionProcess>();
    for (const answer of answers.slice(0, MAX_CONNECTIONS)) {
      const key = connectionKey(answer);
      answered.set(key, answer);
      const own = this.#reported.get(key);
      if (own === undefined) continue;
      this.#learnProcess(own.clientProcess, answer.clientProcess);
      this.#learnProcess(own.serverProcess, answer.serverProcess);
    }
    this.#answered = answered;
  }

  #learnProcess(processId: number, id: number): void {
    if (processId === 0 || id === 0) return;
    if (this.#ids.size >= MAX_PROCESSES) this.#ids.clear();
    this.#ids.set(processId, id);
  }
}

function connectionOf(row: L7Row): ConnectionProcess {
  return {
    isUdp: row.transport === UDP,
    clientIp: row.ip0,
    clientPort: row.port0,
    clientProcess: row.processId0,
    serverIp: row.ip1,
    serverPort: row.port1,
    serverProcess: row.processId1,
  };
}

export function connectionKey({ isUdp, clientIp, clientPort, serverIp, serverPort }: ConnectionProcess): string {
  return `${isUdp ? "u" : "t"}${clientIp}:${clientPort}>${serverIp}:${serverPort}`;
}
