/** The 48-byte packet of NTP (RFC 5905, 7.3) as Query carries it. */

const NTP_PACKET_BYTES = 48;
const NTP_EPOCH_OFFSET_S = 2_208_988_800n;
const NS_PER_S = 1_000_000_000n;
/** LI 3 (not synchronised), VN 4, mode 3 (client). */
const CLIENT_FIRST_BYTE = 0xe3;
/** LI 0, VN 4, mode 4 (server). */
const SERVER_FIRST_BYTE = 0x24;
const SERVER_STRATUM = 2;
const MODE_SERVER = 4;

/** @param cookie random: the answer must have the same bits, so that it can't be an old or a foreign one */
export function ntpRequest(cookie: bigint): Uint8Array {
  const packet = new Uint8Array(NTP_PACKET_BYTES);
  packet[0] = CLIENT_FIRST_BYTE;
  new DataView(packet.buffer).setBigUint64(40, BigInt.asUintN(64, cookie));
  return packet;
}

/** undefined: the request is no client's packet. */
export function ntpResponse(request: Uint8Array, receivedUnixNs: bigint, sentUnixNs: bigint): Uint8Array | undefined {
  if (request.length !== NTP_PACKET_BYTES || ((request[0] ?? 0) & 7) !== 3) return undefined;
  const packet = new Uint8Array(NTP_PACKET_BYTES);
  packet[0] = SERVER_FIRST_BYTE;
  packet[1] = SERVER_STRATUM;
  const view = new DataView(packet.buffer);
  view.setBigUint64(16, toNtp(receivedUnixNs));
  packet.set(request.subarray(40, 48), 24);
  view.setBigUint64(32, toNtp(receivedUnixNs));
  view.setBigUint64(40, toNtp(sentUnixNs));
  return packet;
}

/** Server's clock minus ours, ns; undefined when the packet is no answer to this request. */
export function ntpOffsetNs(
  response: Uint8Array,
  cookie: bigint,
  sentUnixNs: bigint,
  receivedUnixNs: bigint,
): bigint | undefined {
  if (response.length !== NTP_PACKET_BYTES || ((response[0] ?? 0) & 7) !== MODE_SERVER) return undefined;
  const view = new DataView(response.buffer, response.byteOffset);
  const received = view.getBigUint64(32);
  const sent = view.getBigUint64(40);
  if (view.getBigUint64(24) !== BigInt.asUintN(64, cookie) || sent === 0n || received > sent) return undefined;
  return (fromNtp(received) - sentUnixNs + (fromNtp(sent) - receivedUnixNs)) / 2n;
}

function toNtp(unixNs: bigint): bigint {
  const seconds = unixNs / NS_PER_S + NTP_EPOCH_OFFSET_S;
  return ((seconds & 0xffffffffn) << 32n) | (((unixNs % NS_PER_S) << 32n) / NS_PER_S);
}

function fromNtp(time: bigint): bigint {
  return ((time >> 32n) - NTP_EPOCH_OFFSET_S) * NS_PER_S + (((time & 0xffffffffn) * NS_PER_S) >> 32n);
}
