/** IPv4 and IPv6: from a packet to its transport payload, fragments joined. */
import { uint16 } from "../../../mapping/protocols/byte-reader.ts";
import { FragmentTable } from "./fragment-table.ts";

export const TransportProtocol = { tcp: 6, udp: 17 } as const;

const ExtensionHeader = { hopByHop: 0, routing: 43, fragment: 44, authentication: 51, destination: 60 } as const;

/** `fragment`: others of the same datagram are still missing; undefined: damaged. */
export type DecodedPacket = TransportPayload | "fragment" | undefined;

/** Reused for every packet: valid until the next call of `decode`. */
export interface TransportPayload {
  protocol: number;
  /** 16 bytes; IPv4 is v4-mapped. */
  source: Uint8Array;
  destination: Uint8Array;
  isIpv4: boolean;
  /** Captured bytes of the transport header and payload. */
  bytes: Uint8Array;
  /** What they were on the wire. */
  wireLength: number;
  /** The virtual network that the addresses are of, as its tunnel names it; 0: none. */
  networkId: number;
}

const NOTHING = new Uint8Array(0);

export class NetworkDecoder {
  readonly #fragments = new FragmentTable();
  readonly #source = mappedAddress();
  readonly #destination = mappedAddress();
  readonly #payload: TransportPayload = {
    protocol: 0,
    source: NOTHING,
    destination: NOTHING,
    isIpv4: false,
    bytes: NOTHING,
    wireLength: 0,
    networkId: 0,
  };

  decode(packet: Uint8Array, wireLength: number, timestampNs: number, networkId = 0): DecodedPacket {
    this.#payload.networkId = networkId;
    return packet[0]! >> 4 === 4
      ? this.#ipv4(packet, wireLength, timestampNs)
      : this.#ipv6(packet, wireLength, timestampNs);
  }

  #ipv4(packet: Uint8Array, wireLength: number, timestampNs: number): DecodedPacket {
    const headerLength = (packet[0]! & 15) * 4;
    if (headerLength < 20 || packet.length < headerLength) return undefined;
    let totalLength = uint16(packet, 2);
    // A sender with segmentation offload is captured before the length is known.
    if (totalLength === 0) totalLength = wireLength;
    if (totalLength < headerLength) return undefined;
    const payload = this.#payload;
    payload.isIpv4 = true;
    payload.protocol = packet[9]!;
    this.#source.set(packet.subarray(12, 16), 12);
    this.#destination.set(packet.subarray(16, 20), 12);
    payload.source = this.#source;
    payload.destination = this.#destination;
    payload.bytes = packet.subarray(headerLength, Math.min(totalLength, packet.length));
    payload.wireLength = totalLength - headerLength;
    const fragmentBits = uint16(packet, 6) & 0x3fff;
    if (fragmentBits === 0) return payload;
    const key = `4${payload.networkId}.${packet[9]}.${uint16(packet, 4)}.${latin1(packet, 12, 20)}`;
    return this.#join(key, (fragmentBits & 0x1fff) * 8, (fragmentBits & 0x2000) !== 0, timestampNs);
  }

  #ipv6(packet: Uint8Array, wireLength: number, timestampNs: number): DecodedPacket {
    if (packet.length < 40) return undefined;
    const payloadLength = uint16(packet, 4);
    const totalLength = payloadLength === 0 ? wireLength : payloadLength + 40;
    const end = Math.min(totalLength, packet.length);
    const payload = this.#payload;
    payload.isIpv4 = false;
    payload.source = packet.subarray(8, 24);
    payload.destination = packet.subarray(24, 40);
    let next = packet[6]!;
    let at = 40;
    for (;;) {
      if (
        next === ExtensionHeader.hopByHop ||
        next === ExtensionHeader.routing ||
        next === ExtensionHeader.destination
      ) {
        if (at + 8 > end) return undefined;
        next = packet[at]!;
        at += (packet[at + 1]! + 1) * 8;
      } else if (next === ExtensionHeader.authentication) {
        if (at + 8 > end) return undefined;
        next = packet[at]!;
        at += (packet[at + 1]! + 2) * 4;
      } else break;
    }
    if (at > end) return undefined;
    if (next !== ExtensionHeader.fragment) {
      payload.protocol = next;
      payload.bytes = packet.subarray(at, end);
      payload.wireLength = totalLength - at;
      return payload;
    }
    if (at + 8 > end) return undefined;
    payload.protocol = packet[at]!;
    const fragmentBits = uint16(packet, at + 2);
    payload.bytes = packet.subarray(at + 8, end);
    payload.wireLength = totalLength - at - 8;
    if ((fragmentBits & 0xfff9) === 0) return payload;
    const key = `6${payload.networkId}.${latin1(packet, at + 4, at + 8)}${latin1(packet, 8, 40)}`;
    return this.#join(key, fragmentBits & 0xfff8, (fragmentBits & 1) !== 0, timestampNs);
  }

  #join(key: string, offset: number, more: boolean, timestampNs: number): DecodedPacket {
    const payload = this.#payload;
    const whole = this.#fragments.add(key, offset, more, payload.bytes, payload.wireLength, timestampNs);
    if (whole === undefined) return "fragment";
    payload.bytes = whole;
    payload.wireLength = whole.length;
    return payload;
  }
}

function latin1(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

function mappedAddress(): Uint8Array {
  const address = new Uint8Array(16);
  address[10] = 0xff;
  address[11] = 0xff;
  return address;
}
