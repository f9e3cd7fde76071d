/** Builds captures byte by byte: what the replay tests feed. */

export interface TcpPacket {
  /** true: from 10.0.0.1:40000 to 10.0.0.2:80 */
  readonly fromClient: boolean;
  readonly sequence: number;
  readonly acknowledgement?: number;
  readonly flags?: string;
  readonly payload?: string;
  /** Bytes of the payload that the capture kept. */
  readonly kept?: number;
  readonly timeMs: number;
}

const FLAGS: Readonly<Record<string, number>> = { F: 1, S: 2, R: 4, P: 8, A: 16 };

export function ipv4(protocol: number, fromClient: boolean, body: Uint8Array, fragment = 0, id = 1): Uint8Array {
  const packet = Buffer.alloc(20 + body.length);
  packet[0] = 0x45;
  packet.writeUInt16BE(packet.length, 2);
  packet.writeUInt16BE(id, 4);
  packet.writeUInt16BE(fragment, 6);
  packet[8] = 64;
  packet[9] = protocol;
  packet.set([10, 0, 0, fromClient ? 1 : 2, 10, 0, 0, fromClient ? 2 : 1], 12);
  packet.set(body, 20);
  return packet;
}

export function ipv6(nextHeader: number, fromClient: boolean, body: Uint8Array): Uint8Array {
  const packet = Buffer.alloc(40 + body.length);
  packet[0] = 0x60;
  packet.writeUInt16BE(body.length, 4);
  packet[6] = nextHeader;
  packet[7] = 64;
  packet[8] = 0xfd;
  packet[23] = fromClient ? 1 : 2;
  packet[24] = 0xfd;
  packet[39] = fromClient ? 2 : 1;
  packet.set(body, 40);
  return packet;
}

export function tcpSegment(packet: TcpPacket): Uint8Array {
  const payload = Buffer.from(packet.payload ?? "", "latin1");
  const segment = Buffer.alloc(20 + payload.length);
  segment.writeUInt16BE(packet.fromClient ? 40000 : 80, 0);
  segment.writeUInt16BE(packet.fromClient ? 80 : 40000, 2);
  segment.writeUInt32BE(packet.sequence >>> 0, 4);
  segment.writeUInt32BE((packet.acknowledgement ?? 0) >>> 0, 8);
  segment[12] = 0x50;
  for (const flag of packet.flags ?? "PA") segment[13]! |= FLAGS[flag]!;
  segment.set(payload, 20);
  return segment;
}

export function udpDatagram(fromClient: boolean, payload: string): Uint8Array {
  const bytes = Buffer.from(payload, "latin1");
  const datagram = Buffer.alloc(8 + bytes.length);
  datagram.writeUInt16BE(fromClient ? 40000 : 80, 0);
  datagram.writeUInt16BE(fromClient ? 80 : 40000, 2);
  datagram.writeUInt16BE(datagram.length, 4);
  datagram.set(bytes, 8);
  return datagram;
}

export function ethernet(packet: Uint8Array, tags: readonly number[] = []): Uint8Array {
  const type = packet[0]! >> 4 === 4 ? 0x0800 : 0x86dd;
  const frame = [...new Uint8Array(12)];
  for (const tag of tags) frame.push(tag >> 8, tag & 255, 0, 7);
  return Uint8Array.from([...frame, type >> 8, type & 255, ...packet]);
}

export interface Frame {
  readonly timeNs: number;
  readonly bytes: Uint8Array;
  readonly originalLength?: number;
}

export interface PcapOptions {
  readonly littleEndian?: boolean;
  readonly nanoseconds?: boolean;
  readonly linkType?: number;
}

/** Times count from 1 700 000 000 s. */
export function pcapFile(frames: readonly Frame[], options: PcapOptions = {}): Uint8Array {
  const { littleEndian = true, nanoseconds = false, linkType = 1 } = options;
  const u32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    if (littleEndian) bytes.writeUInt32LE(value);
    else bytes.writeUInt32BE(value);
    return bytes;
  };
  const version = littleEndian ? [2, 0, 4, 0] : [0, 2, 0, 4];
  const parts = [u32(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4), Buffer.from(version), u32(0), u32(0), u32(65535)];
  parts.push(u32(linkType));
  for (const { timeNs, bytes, originalLength } of frames) {
    const seconds = Math.floor(timeNs / 1e9);
    const rest = timeNs - seconds * 1e9;
    parts.push(u32(1_700_000_000 + seconds), u32(nanoseconds ? rest : Math.floor(rest / 1000)));
    parts.push(u32(bytes.length), u32(originalLength ?? bytes.length), Buffer.from(bytes));
  }
  return Buffer.concat(parts);
}

/** One section, one interface with nanoseconds. */
export function pcapngFile(frames: readonly Frame[], options: PcapOptions = {}): Uint8Array {
  const { littleEndian = true, linkType = 1 } = options;
  const number = (value: number, size: 2 | 4): Buffer => {
    const bytes = Buffer.alloc(size);
    if (littleEndian) bytes.writeUIntLE(value, 0, size);
    else bytes.writeUIntBE(value, 0, size);
    return bytes;
  };
  const block = (type: number, body: Buffer): Buffer => {
    const padded = Buffer.concat([body, Buffer.alloc((4 - (body.length % 4)) % 4)]);
    const length = number(padded.length + 12, 4);
    return Buffer.concat([number(type, 4), length, padded, length]);
  };
  const section = Buffer.concat([number(0x1a2b3c4d, 4), number(1, 2), number(0, 2), Buffer.alloc(8, 0xff)]);
  const resolution = Buffer.concat([number(9, 2), number(1, 2), Buffer.from([9, 0, 0, 0])]);
  const described = Buffer.concat([number(linkType, 2), number(0, 2), number(65535, 4), resolution, Buffer.alloc(4)]);
  const parts = [block(0x0a0d0d0a, section), block(1, described), block(4, Buffer.alloc(8))];
  for (const { timeNs, bytes, originalLength } of frames) {
    const units = 1_700_000_000n * 1_000_000_000n + BigInt(timeNs);
    const head = [0, Number(units >> 32n), Number(units & 0xffffffffn), bytes.length, originalLength ?? bytes.length];
    parts.push(block(6, Buffer.concat([...head.map((value) => number(value, 4)), Buffer.from(bytes)])));
  }
  return Buffer.concat(parts);
}

export function tcpFrames(packets: readonly TcpPacket[]): Frame[] {
  return packets.map((packet) => {
    const whole = ethernet(ipv4(6, packet.fromClient, tcpSegment(packet)));
    const cut = packet.kept === undefined ? 0 : (packet.payload ?? "").length - packet.kept;
    return {
      timeNs: packet.timeMs * 1e6,
      bytes: whole.subarray(0, whole.length - cut),
      originalLength: whole.length,
    };
  });
}
