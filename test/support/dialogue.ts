/**
 * Dialogues: what two ends said to each other, as text that people can read and write.
 *
 *     # a comment
 *     C> "GET / HTTP/1.1\r\n" "Host: a\r\n\r\n"
 *     S> "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" 61 62 63
 *     S> 1000 * "x"
 *
 * C is the end that opened the connection. Each line is one system call; a line holds strings (escapes \r \n \t \0 \"
 * \\ \xHH, every character one byte), bytes in hex, and `COUNT * "string"`.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Sender } from "../../src/mapping/protocols/protocol.ts";

export interface Utterance {
  readonly sender: Sender;
  readonly bytes: Uint8Array;
}

export interface Dialogue {
  readonly protocol: string;
  readonly name: string;
  readonly path: string;
  readonly transport: "tcp" | "udp";
  readonly serverPort: number;
  /** The protocol that it begins with, and that hands over to this one. */
  readonly after: string | undefined;
  /** The protocol that it hands over to, where it makes no spans of its own. */
  readonly before: string | undefined;
  /** The connection was open before: nothing shows that these are its first bytes. */
  readonly isPickedUp: boolean;
  readonly utterances: readonly Utterance[];
}

/** Where the fixtures lie: tests run from the package's folder. */
const FIXTURES = join(process.cwd(), "test/mapping/protocols/fixtures");

export function parseDialogue(text: string): Utterance[] {
  const utterances: Utterance[] = [];
  text.split("\n").forEach((line, index) => {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) return;
    const sender = trimmed.startsWith("C>") ? Sender.client : trimmed.startsWith("S>") ? Sender.server : undefined;
    if (sender === undefined) throw new Error(`line ${index + 1}: expected C> or S>: ${line}`);
    utterances.push({ sender, bytes: parseBytes(trimmed.slice(2), index + 1) });
  });
  return utterances;
}

function parseBytes(text: string, line: number): Uint8Array {
  const parts: Buffer[] = [];
  const token = /\s*(?:(\d+)\s*\*\s*)?"((?:[^"\\]|\\.)*)"|\s*([0-9a-fA-F]{2}(?=\s|$))/gy;
  const rest = text.trimEnd();
  while (token.lastIndex < rest.length) {
    const at = token.lastIndex;
    const match = token.exec(rest);
    if (match === null) throw new Error(`line ${line}: can't read: ${rest.slice(at)}`);
    if (match[3] !== undefined) parts.push(Buffer.from(match[3], "hex"));
    else parts.push(Buffer.from(unescaped(match[2]!).repeat(Number(match[1] ?? 1)), "latin1"));
  }
  return new Uint8Array(Buffer.concat(parts));
}

function unescaped(text: string): string {
  return text.replace(/\\(x[0-9a-fA-F]{2}|.)/g, (_, code: string) => {
    if (code.length === 3) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return { r: "\r", n: "\n", t: "\t", "0": "\0" }[code] ?? code;
  });
}

/**
 * All fixtures: fixtures/PROTOCOL/CASE.txt. The first comments may say `# udp`, `# port 53`, `# after http1`,
 * `# before http1` and `# picked up`.
 */
export function loadDialogues(): Dialogue[] {
  return readdirSync(FIXTURES, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((folder) =>
      readdirSync(join(FIXTURES, folder.name))
        .filter((file) => file.endsWith(".txt"))
        .map((file) => {
          const path = join(FIXTURES, folder.name, file);
          const text = readFileSync(path, "utf8");
          return {
            protocol: folder.name,
            name: file.slice(0, -4),
            path,
            transport: /^# udp$/m.test(text) ? ("udp" as const) : ("tcp" as const),
            serverPort: Number(/^# port (\d+)$/m.exec(text)?.[1] ?? 50_000),
            after: /^# after (\w+)$/m.exec(text)?.[1],
            before: /^# before (\w+)$/m.exec(text)?.[1],
            isPickedUp: /^# picked up$/m.test(text),
            utterances: parseDialogue(text),
          };
        }),
    );
}
