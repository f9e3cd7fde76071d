/**
 * Which protocols may begin with a byte: asked of the protocols themselves, once for each byte. One that says `no` to a
 * single byte says so to all that begin with it (`needMore` stands "while every byte so far fits").
 */
import { Recognition, Sender } from "../protocols/protocol.ts";
import type { AnyProtocol } from "../protocols/registry.ts";

type Transport = "tcp" | "udp";

const SENDERS = [undefined, Sender.client, Sender.server] as const;

class RecognitionDispatch {
  readonly #protocols: readonly AnyProtocol[];
  readonly #transport: Transport;
  readonly #byByte: (readonly AnyProtocol[] | undefined)[] = [];
  readonly #byPort = new Map<number, readonly AnyProtocol[]>();

  constructor(protocols: readonly AnyProtocol[], transport: Transport) {
    this.#protocols = protocols;
    this.#transport = transport;
    for (const protocol of protocols) {
      for (const port of protocol.usualPorts) this.#byPort.set(port, [...(this.#byPort.get(port) ?? []), protocol]);
    }
  }

  /** In the list's order. */
  beginningWith(byte: number): readonly AnyProtocol[] {
    this.#byByte[byte] ??= this.#protocols.filter((protocol) => this.#mayBegin(protocol, byte));
    return this.#byByte[byte];
  }

  /** Those that are usual at this port; undefined: none is. */
  usualAt(port: number): readonly AnyProtocol[] | undefined {
    return this.#byPort.get(port);
  }

  #mayBegin(protocol: AnyProtocol, byte: number): boolean {
    const bytes = Uint8Array.of(byte);
    // A datagram is whole: one byte of it proves nothing.
    if (this.#transport === "udp") return true;
    for (const sender of SENDERS) {
      for (const isStreamStart of [true, false]) {
        for (const serverPort of [0, ...protocol.usualPorts]) {
          const hint = { sender, serverPort, transport: this.#transport, isStreamStart };
          if (protocol.recognize(bytes, hint) !== Recognition.no) return true;
        }
      }
    }
    return false;
  }
}

const dispatches = new WeakMap<readonly AnyProtocol[], Record<Transport, RecognitionDispatch>>();

/** One for each list of protocols. */
export function dispatchOf(protocols: readonly AnyProtocol[], transport: Transport): RecognitionDispatch {
  let both = dispatches.get(protocols);
  if (both === undefined) {
    both = { tcp: new RecognitionDispatch(protocols, "tcp"), udp: new RecognitionDispatch(protocols, "udp") };
    dispatches.set(protocols, both);
  }
  return both[transport];
}
