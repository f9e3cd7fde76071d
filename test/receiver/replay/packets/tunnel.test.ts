/** Tunnels, each around one UDP datagram; what only looks like one stays what it is. */
import assert from "node:assert/strict";
import { NetworkDecoder } from "../../../../src/receiver/replay/packets/network-layer.ts";
import { openTunnel } from "../../../../src/receiver/replay/packets/tunnel.ts";
import { ethernet, ipv4, ipv6, udpDatagram } from "../../../support/pcap.ts";

const INNER = ipv4(17, true, udpDatagram(true, "query"));
const INNER_6 = ipv6(17, true, udpDatagram(true, "query"));
const NONE: readonly number[] = [];

function udp(port: number, header: readonly number[], body: Uint8Array): Uint8Array {
  const datagram = Buffer.from(udpDatagram(true, Buffer.from([...header, ...body]).toString("latin1")));
  datagram.writeUInt16BE(port, 2);
  return ipv4(17, true, datagram);
}

function gre(header: readonly number[], body: Uint8Array): Uint8Array {
  return ipv4(47, true, Uint8Array.from([...header, ...body]));
}

/** What is in `packet` when all its tunnels are opened. */
function innermost(packet: Uint8Array): { text: string; networkId: number; depth: number } {
  const network = new NetworkDecoder();
  let payload = network.decode(packet, packet.length, 0);
  let networkId = 0;
  for (let depth = 0; ; depth++) {
    assert.ok(typeof payload === "object");
    const content = openTunnel(payload);
    if (content === undefined)
      return { text: Buffer.from(payload.bytes.subarray(8)).toString("latin1"), networkId, depth };
    networkId = content.networkId & 0xffffff;
    payload = network.decode(content.packet, content.wireLength, 0, content.networkId);
  }
}

const VNI = [0, 0x01, 0x02, 0];
const TUNNELS: readonly [string, Uint8Array, number][] = [
  ["IP in IP", ipv4(4, true, INNER), 0],
  ["IPv6 in IP", ipv4(41, true, INNER_6), 0],
  ["IP in IPv6", ipv6(4, true, INNER), 0],
  ["GRE", gre([0, 0, 8, 0], INNER), 0],
  ["GRE with checksum, key and sequence", gre([0xb0, 0, 8, 0, ...new Array<number>(12).fill(1)], INNER), 0],
  ["GRE in UDP", udp(4754, [0, 0, 8, 0], INNER), 0],
  ["GRE around Ethernet", gre([0, 0, 0x65, 0x58], ethernet(INNER, [0x8100])), 0],
  ["ERSPAN I", gre([0, 0, 0x88, 0xbe], ethernet(INNER)), 0],
  ["ERSPAN II", gre([0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, ...new Array<number>(8).fill(0)], ethernet(INNER)), 0],
  ["ERSPAN III", gre([0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, ...new Array<number>(12).fill(0)], ethernet(INNER)), 0],
  ["PPTP", gre([0x30, 0x81, 0x88, 0x0b, 0, 9, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 3, 0, 0x21], INNER), 0],
  ["VXLAN", udp(4789, [8, 0, 0, 0, ...VNI], ethernet(INNER)), 0x0102],
  ["VXLAN on Linux's old port", udp(8472, [8, 0, 0, 0, ...VNI], ethernet(INNER)), 0x0102],
  ["VXLAN-GPE with NSH", udp(4790, [0x0c, 0, 0, 4, ...VNI, 0, 2, 1, 1, 0, 0, 0, 0], INNER), 0x0102],
  ["Geneve with an option", udp(6081, [1, 0, 0x65, 0x58, ...VNI, 1, 2, 3, 4], ethernet(INNER_6)), 0x0102],
  ["GTP-U", udp(2152, [0x30, 0xff, 0, 33, 0, 0, 0, 1], INNER), 0],
  ["GTP-U with extensions", udp(2152, [0x34, 0xff, 0, 41, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 9, 0], INNER), 0],
  ["Teredo", udp(3544, NONE, INNER_6), 0],
];

describe("tunnels", () => {
  for (const [name, packet, networkId] of TUNNELS) {
    it(`opens ${name}`, () => {
      assert.deepEqual(innermost(packet), { text: "query", networkId, depth: 1 });
    });
  }

  it("opens one in another", () => {
    const inner = udp(4789, [8, 0, 0, 0, ...VNI], ethernet(INNER));
    assert.deepEqual(innermost(gre([0, 0, 8, 0], inner)), { text: "query", networkId: 0x0102, depth: 2 });
  });

  it("leaves a datagram on a tunnel's port that carries no packet", () => {
    const texts = ["GET key and more", "\x08\0\0\0\0\0\0\0no Ethernet frame", `\x08${"\0".repeat(60)}`];
    for (const text of texts) {
      const datagram = Buffer.from(udpDatagram(true, text));
      for (const port of [4789, 8472, 4790, 6081, 2152, 3544]) {
        datagram.writeUInt16BE(port, 2);
        assert.deepEqual(innermost(ipv4(17, true, datagram)), { text, networkId: 0, depth: 0 }, `${port}`);
      }
    }
  });

  it("takes no packet that is longer than what was sent", () => {
    const long = Uint8Array.from(INNER);
    long[2] = 1;
    assert.equal(innermost(udp(2152, [0x30, 0xff, 0, 33, 0, 0, 0, 1], long)).depth, 0);
  });

  it("never throws at what is cut", () => {
    const network = new NetworkDecoder();
    for (const [, packet] of TUNNELS) {
      for (let length = 20; length < packet.length; length++) {
        const payload = network.decode(packet.subarray(0, length), packet.length, 0);
        if (typeof payload === "object") openTunnel(payload);
      }
    }
  });
});
