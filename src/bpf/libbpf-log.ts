/** What libbpf prints, kept in memory so that it can be part of an error: verifier logs come this way. */
import { type Libbpf, libc, type Pointer, registerPrint } from "./libbpf.ts";

const LINE_LIMIT_BYTES = 1 << 20;
const KEPT_LIMIT_CHARACTERS = 4 << 20;
/** enum libbpf_print_level */
const LEVEL_WARN = 0;

let callback: Pointer | undefined;
let sink: string[] | undefined;
let keptCharacters = 0;

/** Runs `action` and returns what libbpf said meanwhile (warnings and errors). */
export function captureLibbpfLog<T>(library: Libbpf, action: () => T): { result: T; log: string } {
  if (callback === undefined) {
    const buffer = Buffer.alloc(LINE_LIMIT_BYTES);
    callback = registerPrint((level, format, list) => print(buffer, level, format, list));
    library.setPrint(callback);
  }
  const lines: string[] = [];
  sink = lines;
  keptCharacters = 0;
  try {
    const result = action();
    return { result, log: lines.join("") };
  } finally {
    sink = undefined;
  }
}

function print(buffer: Buffer, level: number, format: Pointer, list: Pointer): number {
  if (level !== LEVEL_WARN || sink === undefined || keptCharacters > KEPT_LIMIT_CHARACTERS) return 0;
  const wanted = libc().vsnprintf(buffer, buffer.length, format, list);
  const text = buffer.toString("utf8", 0, Math.min(Math.max(wanted, 0), buffer.length - 1));
  keptCharacters += text.length;
  sink.push(text);
  return wanted;
}
