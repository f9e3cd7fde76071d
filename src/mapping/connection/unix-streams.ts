/** AF_UNIX streams: what they are called is told once, and their end where one of the two has read it. */

import type { SocketStateEvent } from "../../bpf/layout.gen.ts";
import { makeRoom } from "../../make-room.ts";
import { formatSocketName } from "../address.ts";
import { TcpState } from "../engine-options.ts";
import type { SocketEnd } from "../socket-end.ts";

const MAX_NAMES = 65_536;

export class UnixStreams {
  /** Of open sockets; the first that was told goes first. */
  readonly #names = new Map<number, string>();
  readonly #closes: (end: SocketEnd, nowNs: number) => void;

  /** @param closes is told of each end of a connection that is over */
  constructor(closes: (end: SocketEnd, nowNs: number) => void) {
    this.#closes = closes;
  }

  /** @param ends of this socket, where it has carried data */
  changed(event: SocketStateEvent, name: Uint8Array, ends: readonly SocketEnd[]): void {
    const nowNs = event.header.timestampNs;
    if (event.newState === TcpState.established) this.#add(event.socketCookie, formatSocketName(name));
    else if (event.newState === TcpState.closeWait) for (const end of ends) this.#otherEnded(end, nowNs);
    else if (event.newState === TcpState.close) {
      this.#names.delete(event.socketCookie);
      for (const end of ends) this.#over(end, nowNs);
    }
  }

  /** "" where it was not told. */
  nameOf(cookie: number): string {
    return this.#names.get(cookie) ?? "";
  }

  #add(cookie: number, name: string): void {
    makeRoom(this.#names, MAX_NAMES);
    this.#names.set(cookie, name);
  }

  /** Only the end that reads it tells of it: the server's answer that ends with its connection has ended at both. */
  #otherEnded(end: SocketEnd, nowNs: number): void {
    if (!end.isClient) return;
    for (const each of bothOf(end)) {
      each.closedNs ??= nowNs;
      each.connection.closedHere();
    }
  }

  #over(end: SocketEnd, nowNs: number): void {
    this.#otherEnded(end, nowNs);
    for (const each of bothOf(end)) {
      each.closedNs ??= nowNs;
      this.#names.delete(each.cookie);
      this.#closes(each, nowNs);
    }
  }
}

function bothOf(end: SocketEnd): readonly SocketEnd[] {
  return end.peer === undefined ? [end] : [end, end.peer];
}
