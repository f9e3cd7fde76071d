/** What a `.result` file of the DeepFlow agent says of each packet, in words that all its formats share. */
import { readFileSync } from "node:fs";

export interface ResultLine {
  readonly isRequest: boolean;
  readonly isResponse: boolean;
  /** Lower-case keys to values as text; of Rust's Debug form only the outermost fields. */
  readonly fields: ReadonlyMap<string, string>;
}

export function readResult(path: string): ResultLine[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const fields = line.startsWith("{") ? jsonFields(line) : debugFields(line);
      const type = fields.get("msg_type");
      return { isRequest: type === "Request", isResponse: type === "Response", fields };
    });
}

function jsonFields(line: string): Map<string, string> {
  const value = JSON.parse(line.slice(0, line.lastIndexOf("}") + 1)) as Record<string, unknown>;
  return new Map(
    Object.entries(value).map(([key, item]) => [
      key,
      typeof item === "object" && item !== null ? JSON.stringify(item) : String(item),
    ]),
  );
}

/** `Name { key: value, key: Some("text"), ... } is_x: true` */
function debugFields(line: string): Map<string, string> {
  const fields = new Map<string, string>();
  let depth = 0;
  let isQuoted = false;
  let key = "";
  let value = "";
  let isValue = false;
  const finish = (): void => {
    if (key.trim() !== "") fields.set(key.trim(), plain(value.trim()));
    key = "";
    value = "";
    isValue = false;
  };
  for (let i = line.indexOf("{"); i < line.length; i++) {
    const character = line[i]!;
    if (isQuoted) {
      if (character === "\\") value += line[++i] ?? "";
      else if (character === '"') isQuoted = false;
      else value += character;
      continue;
    }
    if (character === '"') isQuoted = true;
    else if ("{([".includes(character)) {
      depth++;
      if (depth > 1) value += character;
    } else if ("})]".includes(character)) {
      depth--;
      if (depth === 0) {
        finish();
        break;
      }
      value += character;
    } else if (depth === 1 && character === ",") finish();
    else if (depth === 1 && character === ":" && !isValue) isValue = true;
    else if (isValue) value += character;
    else key += character;
  }
  return fields;
}

function plain(value: string): string {
  const inner = /^Some\((.*)\)$/s.exec(value);
  return inner === null ? (value === "None" ? "" : value) : inner[1]!;
}
