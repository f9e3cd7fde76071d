/** ClickHouse's native protocol, recognised by its first packets. */
import { latin1, utf8 } from "../../latin1.ts";
import { ByteReader } from "../byte-reader.ts";
import { Recognition } from "../protocol.ts";
import { ASSUMED_REVISION, Client, Server } from "./packets.ts";
import { readQuery, skipText } from "./query.ts";

/** What a client begins with: a hello with its revision, or a query with its initial query's fields. */
export function classifyClient(bytes: Uint8Array): Recognition {
  if (bytes[0] === Client.hello) return classifyHello(bytes);
  if (bytes[0] !== Client.query) return Recognition.no;
  // An initial query's id is a UUID, or whatever the client chose; then the kind and the user.
  const reader = new ByteReader(bytes, 1);
  const idLength = reader.varint();
  if (idLength > 128) return Recognition.no;
  const id = reader.latin1(idLength);
  const kind = reader.uint8();
  if (reader.failed) return bytes.length < 140 ? Recognition.needMore : Recognition.no;
  if (!/^[\x20-\x7e]*$/.test(id) || (kind !== 1 && kind !== 2)) return Recognition.no;
  const whole = new ByteReader(bytes, 1);
  const query = readQuery(whole, ASSUMED_REVISION);
  if (whole.failed) return bytes.length < 2048 && isText(reader) ? Recognition.needMore : Recognition.no;
  return query !== undefined && query.text !== "" && /^[\s(]*(?:--|\/\*|[A-Za-z])/.test(query.text)
    ? Recognition.request
    : Recognition.no;
}

/** The user's name, the query's id, the address. */
function isText(reader: ByteReader): boolean {
  for (let i = 0; i < 3 && reader.remaining > 0; i++) {
    const length = reader.varint();
    const text = reader.latin1(Math.min(length, reader.remaining));
    if (length > 256 || !/^[\x20-\x7e]*$/.test(text)) return false;
  }
  return true;
}

/** Its name is always the same. */
export function isServerHello(bytes: Uint8Array): boolean {
  return bytes[0] === Server.hello && bytes[1] === 10 && latin1(bytes, 2, Math.min(bytes.length, 12)) === "ClickHouse";
}

function classifyHello(bytes: Uint8Array): Recognition {
  const length = bytes[1];
  if (length === undefined) return Recognition.needMore;
  if (length < 3 || length > 127) return Recognition.no;
  const name = utf8(bytes, 2, Math.min(bytes.length, 2 + length));
  if (!/^[A-Za-z][\x20-\x7e]*$/.test(name) && name !== "") return Recognition.no;
  const reader = new ByteReader(bytes, 2 + length);
  const major = reader.varint();
  const minor = reader.varint();
  const revision = reader.varint();
  if (!reader.failed && (revision < 50_000 || revision > 60_000 || major > 1000 || minor > 1000)) return Recognition.no;
  skipText(reader);
  skipText(reader);
  skipText(reader);
  if (reader.failed) return bytes.length < 512 ? Recognition.needMore : Recognition.no;
  return Recognition.request;
}
