/** From a captured frame to its IP packet. */
import { uint16 } from "../../../mapping/protocols/byte-reader.ts";
import { LinkType } from "../capture.ts";

const EtherType = {
  ipv4: 0x0800,
  ipv6: 0x86dd,
  vlan: 0x8100,
  serviceVlan: 0x88a8,
  oldServiceVlan: 0x9100,
  pppoeSession: 0x8864,
  mpls: 0x8847,
} as const;

/** @returns the index of the IP header in `frame`, -1 where there is none (ARP, an unknown link) */
export function networkHeaderOffset(linkType: number, frame: Uint8Array): number {
  switch (linkType) {
    case LinkType.ethernet:
      return afterEtherType(frame, 12);
    case LinkType.linuxSll:
      return afterEtherType(frame, 14);
    case LinkType.linuxSll2:
      return frame.length < 20
        ? -1
        : isIp(uint16(frame, 0))
          ? 20
          : isVlan(uint16(frame, 0))
            ? afterVlan(frame, 20)
            : -1;
    case LinkType.null:
    case LinkType.loop:
      // The address family of the capturing host in its byte order: AF_INET is 2 everywhere, AF_INET6 is 10, 24, 28 or 30.
      return frame.length > 4 ? ipVersionAt(frame, 4) : -1;
    case LinkType.raw:
    case LinkType.rawBsd:
    case LinkType.rawOpenBsd:
    case LinkType.ipv4:
    case LinkType.ipv6:
      return ipVersionAt(frame, 0);
    default:
      return -1;
  }
}

export function isKnownLinkType(linkType: number): boolean {
  return (Object.values(LinkType) as number[]).includes(linkType);
}

function isIp(etherType: number): boolean {
  return etherType === EtherType.ipv4 || etherType === EtherType.ipv6;
}

function isVlan(etherType: number): boolean {
  return etherType === EtherType.vlan || etherType === EtherType.serviceVlan || etherType === EtherType.oldServiceVlan;
}

function ipVersionAt(frame: Uint8Array, at: number): number {
  const version = frame[at]! >> 4;
  return version === 4 || version === 6 ? at : -1;
}

/** A VLAN tag is two bytes of tag and the next EtherType. */
function afterVlan(frame: Uint8Array, at: number): number {
  return afterEtherType(frame, at + 2);
}

function afterEtherType(frame: Uint8Array, at: number): number {
  let position = at;
  for (;;) {
    if (position + 2 > frame.length) return -1;
    const type = uint16(frame, position);
    position += 2;
    if (isIp(type)) return position < frame.length ? position : -1;
    if (isVlan(type)) {
      position += 2;
    } else if (type === EtherType.pppoeSession) {
      return position + 8 < frame.length ? ipVersionAt(frame, position + 8) : -1;
    } else if (type === EtherType.mpls) {
      while (position + 4 < frame.length && (frame[position + 2]! & 1) === 0) position += 4;
      return position + 4 < frame.length ? ipVersionAt(frame, position + 4) : -1;
    } else {
      return -1;
    }
  }
}
