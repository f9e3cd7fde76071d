/**
 * From the payload of a tunnel to the IP packet in it: IP in IP (RFC 2003, 4213), GRE (RFC 2784, 2890; in UDP: 8086) with
 * Ethernet and ERSPAN, PPTP's GRE (RFC 2637), VXLAN (RFC 7348) with its generic extension and NSH (RFC 8300), Geneve (RFC 8926),
 * GTP-U (3GPP TS 29.281), Teredo's plain form (RFC 4380).
 *
 * UDP ports are a hint, no proof: what does not lead to a packet that fits is no tunnel.
 */
import { uint16 } from "../../../mapping/protocols/byte-reader.ts";
import { LinkType } from "../capture.ts";
import { networkHeaderOffset } from "./link-layer.ts";
import { type TransportPayload, TransportProtocol } from "./network-layer.ts";

/** Reused: valid until the next call of `openTunnel`. */
interface TunnelContent {
  packet: Uint8Array;
  wireLength: number;
  /** Names the virtual network, in which addresses are unique; 0 where the tunnel has none. */
  networkId: number;
}

const IpProtocol = { ipv4: 4, ipv6: 41, gre: 47 } as const;
const UdpPort = {
  vxlan: 4789,
  vxlanLinux: 8472,
  vxlanGpe: 4790,
  geneve: 6081,
  gtpUser: 2152,
  greInUdp: 4754,
  teredo: 3544,
} as const;
const EtherType = {
  ipv4: 0x0800,
  ipv6: 0x86dd,
  ethernet: 0x6558,
  ppp: 0x880b,
  erspan2: 0x88be,
  erspan3: 0x22eb,
} as const;
/** VXLAN-GPE and NSH have one table. */
const NextProtocol = { ipv4: 1, ipv6: 2, ethernet: 3, nsh: 4 } as const;

const UDP_HEADER = 8;
const NETWORK_ID_IS_THERE = 0x01000000;

const content: TunnelContent = { packet: new Uint8Array(0), wireLength: 0, networkId: 0 };

/** @returns undefined where `payload` is no tunnel's, or not of a packet that fits into it */
export function openTunnel(payload: TransportPayload): TunnelContent | undefined {
  const { bytes } = payload;
  content.networkId = 0;
  const at = offsetOfPacket(payload.protocol, bytes);
  if (at < 0 || !isPacket(bytes, at, payload.wireLength)) return undefined;
  content.packet = bytes.subarray(at);
  content.wireLength = payload.wireLength - at;
  return content;
}

function offsetOfPacket(protocol: number, bytes: Uint8Array): number {
  switch (protocol) {
    case IpProtocol.ipv4:
    case IpProtocol.ipv6:
      return 0;
    case IpProtocol.gre:
      return afterGre(bytes, 0);
    case TransportProtocol.udp:
      return afterUdp(bytes);
    default:
      return -1;
  }
}

function afterUdp(bytes: Uint8Array): number {
  if (bytes.length < UDP_HEADER + 8) return -1;
  const port = uint16(bytes, 2);
  switch (port) {
    case UdpPort.vxlan:
    case UdpPort.vxlanLinux:
    case UdpPort.vxlanGpe:
      return afterVxlan(bytes);
    case UdpPort.geneve:
      return afterGeneve(bytes);
    case UdpPort.gtpUser:
      return afterGtp(bytes);
    case UdpPort.greInUdp:
      return afterGre(bytes, UDP_HEADER);
    default:
      return port === UdpPort.teredo || uint16(bytes, 0) === UdpPort.teredo ? UDP_HEADER : -1;
  }
}

function afterVxlan(bytes: Uint8Array): number {
  const flags = bytes[UDP_HEADER]!;
  if ((flags & 0x08) === 0) return -1;
  const at = UDP_HEADER + 8;
  content.networkId = uint16(bytes, at - 4) * 256 + bytes[at - 2]! + NETWORK_ID_IS_THERE;
  const isGeneric = (flags & 0x04) !== 0;
  return isGeneric ? afterNext(bytes[at - 5]!, bytes, at) : afterEthernet(bytes, at);
}

function afterNext(next: number, bytes: Uint8Array, at: number): number {
  switch (next) {
    case NextProtocol.ipv4:
    case NextProtocol.ipv6:
      return at;
    case NextProtocol.ethernet:
      return afterEthernet(bytes, at);
    case NextProtocol.nsh: {
      if (at + 8 > bytes.length || bytes[at + 3] === NextProtocol.nsh) return -1;
      return afterNext(bytes[at + 3]!, bytes, at + (bytes[at + 1]! & 0x3f) * 4);
    }
    default:
      return -1;
  }
}

function afterGeneve(bytes: Uint8Array): number {
  const first = bytes[UDP_HEADER]!;
  if (first >> 6 !== 0) return -1;
  content.networkId = uint16(bytes, UDP_HEADER + 4) * 256 + bytes[UDP_HEADER + 6]! + NETWORK_ID_IS_THERE;
  return afterEtherType(uint16(bytes, UDP_HEADER + 2), bytes, UDP_HEADER + 8 + (first & 0x3f) * 4);
}

/** Version 1, a T-PDU; its optional fields and extension headers. */
function afterGtp(bytes: Uint8Array): number {
  const flags = bytes[UDP_HEADER]!;
  if (flags >> 4 !== 3 || bytes[UDP_HEADER + 1] !== 0xff) return -1;
  let at = UDP_HEADER + 8;
  if ((flags & 0x07) === 0) return at;
  if (at + 4 > bytes.length) return -1;
  let extension = (flags & 0x04) === 0 ? 0 : bytes[at + 3]!;
  at += 4;
  while (extension !== 0) {
    const length = at < bytes.length ? bytes[at]! * 4 : 0;
    if (length === 0 || at + length > bytes.length) return -1;
    extension = bytes[at + length - 1]!;
    at += length;
  }
  return at;
}

function afterGre(bytes: Uint8Array, from: number): number {
  if (bytes.length < from + 4) return -1;
  const flags = uint16(bytes, from);
  const type = uint16(bytes, from + 2);
  const hasSequence = (flags & 0x1000) !== 0;
  // A source route (0x4000) has a length that only its last entry tells; nobody sends it.
  if ((flags & 0x4000) !== 0) return -1;
  let at = from + 4;
  if ((flags & 0x8000) !== 0) at += 4;
  if ((flags & 0x2000) !== 0) at += 4;
  if (hasSequence) at += 4;
  if ((flags & 7) === 1) return type === EtherType.ppp ? afterPpp(bytes, at + ((flags & 0x80) === 0 ? 0 : 4)) : -1;
  switch (type) {
    case EtherType.erspan2:
      return afterEthernet(bytes, hasSequence ? at + 8 : at);
    case EtherType.erspan3:
      return at + 12 > bytes.length ? -1 : afterEthernet(bytes, at + ((bytes[at + 11]! & 1) === 0 ? 12 : 20));
    default:
      return afterEtherType(type, bytes, at);
  }
}

/** RFC 1662: address and control may be left out, and the high byte of the protocol. */
function afterPpp(bytes: Uint8Array, from: number): number {
  let at = from;
  if (bytes[at] === 0xff && bytes[at + 1] === 0x03) at += 2;
  if (bytes[at] === 0) at++;
  const protocol = bytes[at];
  return protocol === 0x21 || protocol === 0x57 ? at + 1 : -1;
}

function afterEtherType(type: number, bytes: Uint8Array, at: number): number {
  if (type === EtherType.ipv4 || type === EtherType.ipv6) return at;
  return type === EtherType.ethernet ? afterEthernet(bytes, at) : -1;
}

function afterEthernet(bytes: Uint8Array, at: number): number {
  if (at + 14 > bytes.length) return -1;
  const inner = networkHeaderOffset(LinkType.ethernet, bytes.subarray(at));
  return inner < 0 ? -1 : at + inner;
}

/** An IP header is there, and its packet not longer than what was on the wire. */
function isPacket(bytes: Uint8Array, at: number, wireLength: number): boolean {
  const version = at < bytes.length ? bytes[at]! >> 4 : 0;
  if (version === 4) {
    return at + 20 <= bytes.length && (bytes[at]! & 15) >= 5 && uint16(bytes, at + 2) <= wireLength - at;
  }
  return version === 6 && at + 40 <= bytes.length && uint16(bytes, at + 4) + 40 <= wireLength - at;
}
