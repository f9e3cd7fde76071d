/** Texts and names of AJP 1.3 (tomcat.apache.org/connectors-doc/ajp/ajpv13a.html). */
import type { ByteReader } from "../byte-reader.ts";

export const METHODS = (
  ". OPTIONS GET HEAD POST PUT DELETE TRACE PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK ACL REPORT VERSION-CONTROL " +
  "CHECKIN CHECKOUT UNCHECKOUT SEARCH MKWORKSPACE UPDATE LABEL MERGE BASELINE_CONTROL MKACTIVITY"
).split(" ");
const REQUEST_HEADERS = (
  ". accept accept-charset accept-encoding accept-language authorization connection content-type content-length cookie " +
  "cookie2 host pragma referer user-agent"
).split(" ");
const RESPONSE_HEADERS = (
  ". content-type content-language content-length date last-modified location set-cookie set-cookie2 servlet-engine " +
  "status www-authenticate"
).split(" ");
const NULL_TEXT = 0xffff;
const MAX_HEADERS = 128;
const MAX_TEXT = 8192;

/** Length, bytes, a zero. */
export function ajpText(reader: ByteReader): string | undefined {
  const length = reader.uint16();
  if (length === NULL_TEXT) return undefined;
  const text = reader.utf8(length);
  reader.skip(1);
  return text.slice(0, MAX_TEXT);
}

/** @returns names in lower case */
export function ajpHeaders(reader: ByteReader, isRequest: boolean): Map<string, string> {
  const headers = new Map<string, string>();
  const count = reader.uint16();
  for (let i = 0; i < count && i < MAX_HEADERS && !reader.failed; i++) {
    const name = headerName(reader, isRequest);
    const value = ajpText(reader);
    if (!reader.failed && name !== undefined && value !== undefined && !headers.has(name)) headers.set(name, value);
  }
  return headers;
}

/** A code, or the length of a name. */
function headerName(reader: ByteReader, isRequest: boolean): string | undefined {
  const code = reader.uint16();
  if (code >> 8 === 0xa0) return (isRequest ? REQUEST_HEADERS : RESPONSE_HEADERS)[code & 0xff];
  const name = reader.latin1(code);
  reader.skip(1);
  return name.toLowerCase();
}

const Attribute = { queryString: 5, requestAttribute: 10, sslKeySize: 11, storedMethod: 13, end: 0xff } as const;

export interface AjpAttributes {
  query: string | undefined;
  method: string | undefined;
}

export function ajpAttributes(reader: ByteReader): AjpAttributes {
  const found: AjpAttributes = { query: undefined, method: undefined };
  while (reader.remaining > 0 && !reader.failed) {
    const code = reader.uint8();
    if (code === Attribute.end) break;
    if (code === Attribute.sslKeySize) {
      reader.skip(2);
      continue;
    }
    if (code === Attribute.requestAttribute) ajpText(reader);
    const value = ajpText(reader);
    if (code === Attribute.queryString) found.query = value;
    else if (code === Attribute.storedMethod) found.method = value;
  }
  return found;
}
