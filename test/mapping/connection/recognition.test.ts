import assert from "node:assert/strict";
import fc from "fast-check";
import { recognize, UNKNOWN } from "../../../src/mapping/connection/recognition.ts";
import { Recognition, Sender } from "../../../src/mapping/protocols/protocol.ts";
import { PROTOCOLS } from "../../../src/mapping/protocols/registry.ts";
import { loadDialogues } from "../../support/dialogue.ts";

const NOTHING = { bytes: new Uint8Array(0), isStreamStart: true };

function claimOf(bytes: Uint8Array, transport: "tcp" | "udp", serverPort = 50_000): string {
  const claim = recognize(PROTOCOLS, { bytes, isStreamStart: true }, NOTHING, Sender.client, serverPort, transport);
  return claim === undefined ? "undecided" : claim === UNKNOWN ? "unknown" : claim.protocol.name;
}

describe("recognition", () => {
  it("claims nothing of protocols that it does not know", () => {
    const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(" ", ""), "hex");
    const name = "CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for (const [bytes, transport, port] of [
      // Skinny: length, version and message, with the byte that memcached's binary requests begin with.
      [hex("80000000000000000100000053455041424344450000000000000000"), "tcp", 2000],
      [hex("80020002000000530000000d00006260c73088c5d0ccc88c8107265a525990"), "tcp", 443],
      // NetBIOS name service.
      [Buffer.concat([hex("0001 0010 0001 0000 0000 0000 20"), Buffer.from(name), hex("00 0021 0001")]), "udp", 137],
      [Buffer.from("SSH-2.0-OpenSSH_9.6\r\n"), "tcp", 22],
      [Buffer.from("\x13BitTorrent protocol\0\0\0\0\0\0\0\0", "latin1"), "tcp", 6881],
      // MSN Messenger, whose messages begin as those of NATS do.
      [Buffer.from("MSG 26 U 97\r\nMIME-Version: 1.0\r\n"), "tcp", 1863],
      [Buffer.from("MSG someone@example.com someone 122\r\nMIME-Version: 1.0\r\n"), "tcp", 1863],
      [Buffer.from("220 (vsFTPd 3.0.5)\r\nUSER anonymous\r\n"), "tcp", 21],
    ] as const) {
      assert.match(claimOf(bytes, transport, port), /^(?:unknown|undecided)$/);
    }
  });

  it("stands by a no, whatever comes after it", () => {
    const beginnings = loadDialogues()
      .filter(({ transport }) => transport === "tcp")
      .map(({ utterances }) => utterances[0]!.bytes.subarray(0, 300));
    fc.assert(
      fc.property(
        fc.constantFrom(...beginnings),
        fc.constantFrom(...PROTOCOLS),
        fc.constantFrom(undefined, Sender.client, Sender.server),
        (bytes, protocol, sender) => {
          const hint = { sender, serverPort: 50_000, transport: "tcp", isStreamStart: true } as const;
          let wasNo = false;
          for (let length = 1; length <= bytes.length; length++) {
            const isNo = protocol.recognize(bytes.subarray(0, length), hint) === Recognition.no;
            assert.ok(isNo || !wasNo, `${protocol.name} takes its no back at byte ${length}`);
            wasNo = isNo;
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
