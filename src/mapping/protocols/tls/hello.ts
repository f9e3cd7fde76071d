/** ClientHello and ServerHello (RFC 8446 section 4.1, RFC 5246 section 7.4.1): what they say of the connection. */
import { ByteReader } from "../byte-reader.ts";

export interface TlsHello {
  /** The client's highest, the server's choice. */
  version: number;
  readonly serverName: string | undefined;
  /** The client's offers, the server's choice (up to TLS 1.2). */
  readonly protocols: readonly string[];
  /** The server's choice. */
  readonly cipher: number;
  /** Of TLS 1.3. */
  readonly hasPreSharedKey: boolean;
  /** The server wants another ClientHello. */
  readonly isRetry: boolean;
}

const Extension = { serverName: 0, alpn: 16, preSharedKey: 41, supportedVersions: 43 } as const;
/** SHA-256 of "HelloRetryRequest" (RFC 8446 section 4.1.3), its first bytes. */
const RETRY_RANDOM = [0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11];
const MAX_PROTOCOLS = 16;

/** @param from behind the handshake header */
export function readHello(bytes: Uint8Array, from: number, end: number, isClient: boolean): TlsHello | undefined {
  const reader = new ByteReader(bytes, from, end);
  let version = reader.uint16();
  const random = reader.take(32);
  reader.skip(reader.uint8());
  let cipher = 0;
  if (isClient) {
    reader.skip(reader.uint16());
    reader.skip(reader.uint8());
  } else {
    cipher = reader.uint16();
    reader.skip(1);
  }
  if (reader.failed) return undefined;
  let serverName: string | undefined;
  let protocols: string[] = [];
  let hasPreSharedKey = false;
  const extensionsEnd = reader.remaining >= 2 ? reader.uint16() + reader.position : reader.position;
  while (reader.position + 4 <= Math.min(extensionsEnd, end) && !reader.failed) {
    const type = reader.uint16();
    const length = reader.uint16();
    const start = reader.take(length);
    if (start < 0) break;
    const inner = new ByteReader(bytes, start, start + length);
    if (type === Extension.serverName && isClient) serverName = readServerName(inner) ?? serverName;
    else if (type === Extension.alpn) protocols = readProtocols(inner);
    else if (type === Extension.preSharedKey) hasPreSharedKey = true;
    else if (type === Extension.supportedVersions) version = isClient ? highestVersion(inner, version) : inner.uint16();
  }
  const isRetry = !isClient && RETRY_RANDOM.every((byte, index) => bytes[random + index] === byte);
  return { version, serverName, protocols, cipher, hasPreSharedKey, isRetry };
}

function readServerName(reader: ByteReader): string | undefined {
  reader.skip(2);
  const isHost = reader.uint8() === 0;
  const name = reader.latin1(reader.uint16());
  return isHost && /^[\w.*-]{1,255}$/.test(name) ? name : undefined;
}

function readProtocols(reader: ByteReader): string[] {
  const protocols: string[] = [];
  reader.skip(2);
  while (reader.remaining > 0 && !reader.failed && protocols.length < MAX_PROTOCOLS) {
    const name = reader.latin1(reader.uint8());
    if (/^[\x21-\x7e]+$/.test(name)) protocols.push(name);
  }
  return protocols;
}

function highestVersion(reader: ByteReader, legacy: number): number {
  let highest = 0;
  reader.skip(1);
  while (reader.remaining >= 2) {
    const version = reader.uint16();
    // Others are there to keep the list open (RFC 8701).
    if (version >> 8 === 3 && version > highest) highest = version;
  }
  return highest === 0 ? legacy : highest;
}
