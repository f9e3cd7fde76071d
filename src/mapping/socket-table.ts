/** All sockets that carry data, found by their cookie, and by what the other end knows of the connection. Bounded. */
import { DataSource, type SocketDataEvent } from "../bpf/layout.gen.ts";
import { identityKey, type SocketEnd } from "./socket-end.ts";

const IPPROTO_UDP = 17;

/** A socket that asks many servers at once is a resolver's; most have one socket for each question. */
const MAX_FLOWS_SEARCHED = 256;

export class SocketTable {
  readonly #maxSockets: number;
  readonly #closed: (end: SocketEnd) => void;
  readonly #plain = new Map<number, SocketEnd>();
  /** The plaintext of a connection whose bytes are encrypted has offsets of its own. */
  readonly #decrypted = new Map<number, SocketEnd>();
  /** One UDP socket talks to many. */
  readonly #flows = new Map<number, Map<string, SocketEnd>>();
  /** Of the flows, by cookie: those whose sender is not known. */
  readonly #anonymous = new Map<number, SocketEnd>();
  readonly #byIdentity = new Map<number, SocketEnd>();
  #flowCount = 0;

  /** @param closed is told of each socket that leaves the table */
  constructor(maxSockets: number, closed: (end: SocketEnd) => void) {
    this.#maxSockets = maxSockets;
    this.#closed = closed;
  }

  find(event: SocketDataEvent): SocketEnd | undefined {
    if (event.protocol === IPPROTO_UDP) return this.#flows.get(event.socketCookie)?.get(flowKey(event.tuple));
    return (event.source === DataSource.tlsLibrary ? this.#decrypted : this.#plain).get(event.socketCookie);
  }

  add(end: SocketEnd): void {
    if (this.#plain.size + this.#decrypted.size + this.#flowCount >= this.#maxSockets) this.#removeOldest();
    if (end.transport === "udp") {
      let flows = this.#flows.get(end.cookie);
      if (flows === undefined) {
        flows = new Map();
        this.#flows.set(end.cookie, flows);
      }
      flows.set(flowKey(end.tuple), end);
      if (end.isAnonymous) this.#anonymous.set(end.cookie, end);
      this.#flowCount++;
      return;
    }
    (end.isEncrypted ? this.#decrypted : this.#plain).set(end.cookie, end);
    this.#link(end);
  }

  /** The numbers that name the connection became known. */
  identify(end: SocketEnd, localFirstSequence: number, remoteFirstSequence: number): void {
    if (end.transport !== "tcp" || (localFirstSequence === 0 && remoteFirstSequence === 0)) return;
    end.localFirstSequence = localFirstSequence;
    end.remoteFirstSequence = remoteFirstSequence;
    this.#link(end);
  }

  remove(end: SocketEnd): void {
    if (end.transport === "udp") {
      const flows = this.#flows.get(end.cookie);
      if (flows?.delete(flowKey(end.tuple))) this.#flowCount--;
      if (this.#anonymous.get(end.cookie) === end) this.#anonymous.delete(end.cookie);
      if (flows?.size === 0) this.#flows.delete(end.cookie);
    } else {
      const sockets = end.isEncrypted ? this.#decrypted : this.#plain;
      if (sockets.get(end.cookie) === end) sockets.delete(end.cookie);
      const key = identityKey(end.localFirstSequence, end.remoteFirstSequence);
      if (this.#byIdentity.get(key) === end) this.#byIdentity.delete(key);
    }
    this.#closed(end);
    if (end.peer !== undefined) {
      end.peer.peer = undefined;
      end.peer = undefined;
    }
  }

  anonymousOf(cookie: number): SocketEnd | undefined {
    return this.#anonymous.get(cookie);
  }

  /** The flow of a socket, of the latest ones, that `matches`. */
  findFlow(cookie: number, matches: (end: SocketEnd) => boolean): SocketEnd | undefined {
    const flows = [...(this.#flows.get(cookie)?.values() ?? [])];
    return flows.slice(-MAX_FLOWS_SEARCHED).findLast(matches);
  }

  ofCookie(cookie: number): SocketEnd[] {
    const found = [this.#plain.get(cookie), this.#decrypted.get(cookie)].filter((end) => end !== undefined);
    const flows = this.#flows.get(cookie);
    if (flows !== undefined) found.push(...flows.values());
    return found;
  }

  all(): SocketEnd[] {
    const all = [...this.#plain.values(), ...this.#decrypted.values()];
    for (const flows of this.#flows.values()) all.push(...flows.values());
    return all;
  }

  #link(end: SocketEnd): void {
    if (!end.hasIdentity) return;
    const { localFirstSequence, remoteFirstSequence } = end;
    this.#byIdentity.set(identityKey(localFirstSequence, remoteFirstSequence), end);
    const peer = this.#byIdentity.get(identityKey(remoteFirstSequence, localFirstSequence));
    if (
      peer === undefined ||
      peer === end ||
      peer.localFirstSequence !== remoteFirstSequence ||
      peer.remoteFirstSequence !== localFirstSequence ||
      peer.isEncrypted !== end.isEncrypted
    ) {
      return;
    }
    end.peer = peer;
    peer.peer = end;
  }

  /** The socket that was silent longest among the oldest few. */
  #removeOldest(): void {
    let oldest: SocketEnd | undefined;
    let looked = 0;
    for (const sockets of [this.#plain, this.#decrypted]) {
      for (const end of sockets.values()) {
        if (oldest === undefined || end.lastNs < oldest.lastNs) oldest = end;
        if (++looked > 64) break;
      }
    }
    for (const flows of this.#flows.values()) {
      for (const end of flows.values()) if (oldest === undefined || end.lastNs < oldest.lastNs) oldest = end;
      if (++looked > 128) break;
    }
    if (oldest !== undefined) this.remove(oldest);
  }
}

function flowKey(tuple: { readonly remoteAddress: Uint8Array; readonly remotePort: number }): string {
  return `${String.fromCharCode(...tuple.remoteAddress)}${tuple.remotePort}`;
}
