/**
 * Packet captures to the dialogues that the protocol tests read:
 * `node build/scripts/capture-dialogue.js FILE [FLOW]` prints flow number FLOW (default 1) of FILE.
 */
import { Direction } from "../src/bpf/layout.gen.ts";
import { Replay, type ReplayTarget } from "../src/receiver/replay/replay.ts";

const [path, wanted = "1"] = process.argv.slice(2);
if (path === undefined) {
  process.stderr.write("usage: capture-dialogue FILE [FLOW]\n");
  process.exit(2);
}

const lines: string[] = [];

/** Text in quotes where it is text, else hex. */
function quoted(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    let end = at;
    while (end < bytes.length && isText(bytes[end]!)) end++;
    if (end - at >= 4 || (end === bytes.length && end > at)) {
      parts.push(
        `"${Buffer.from(bytes.subarray(at, end)).toString("latin1").replace(/[\\"]/g, "\\$&").replace(/\r/g, "\\r").replace(/\n/g, "\\n")}"`,
      );
    } else {
      end = Math.max(end, at + 1);
      parts.push(
        Buffer.from(bytes.subarray(at, end))
          .toString("hex")
          .replace(/(..)(?=.)/g, "$1 "),
      );
    }
    at = end;
  }
  return parts.join(" ");
}

function isText(byte: number): boolean {
  return (byte >= 32 && byte < 127) || byte === 13 || byte === 10;
}

const replay = new Replay({
  openTarget: (): ReplayTarget => ({
    socketData: (event, bytes) => {
      if (event.socketCookie !== Number(wanted) || bytes.length === 0) return;
      if (lines.length === 0) lines.push(`# port ${event.tuple.remotePort}`);
      if (lines.length === 1 && event.protocol === 17) lines.push("# udp");
      lines.push(`${event.direction === Direction.egress ? "C" : "S"}> ${quoted(bytes)}`);
    },
    socketState: () => {},
    io: () => {},
    process: () => {},
    wake: () => {},
    handover: () => {},
    streamCall: () => {},
    unitEdge: () => {},
    advance: () => {},
    flush: () => {},
  }),
  problem: (_path, problem) => process.stderr.write(`${problem.message}\n`),
});
await replay.file(path);
replay.end();
process.stdout.write(`${lines.join("\n")}\n`);
