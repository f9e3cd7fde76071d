/** L7 protocol numbers of the rows, and what they are in the words of the semantic conventions. */

export const L7Family = { http: 0, rpc: 1, database: 2, messaging: 3, dns: 4, other: 5 } as const;
export type L7Family = (typeof L7Family)[keyof typeof L7Family];

export interface L7Protocol {
  readonly number: number;
  /** network.protocol.name, or the value of the family's system attribute. */
  readonly name: string;
  readonly family: L7Family;
}

const PROTOCOLS: readonly L7Protocol[] = [
  { number: 20, name: "http", family: L7Family.http },
  { number: 21, name: "http", family: L7Family.http },
  { number: 40, name: "dubbo", family: L7Family.rpc },
  { number: 41, name: "grpc", family: L7Family.rpc },
  { number: 43, name: "sofarpc", family: L7Family.rpc },
  { number: 44, name: "fastcgi", family: L7Family.http },
  { number: 45, name: "brpc", family: L7Family.rpc },
  { number: 46, name: "tars", family: L7Family.rpc },
  { number: 47, name: "some_ip", family: L7Family.rpc },
  { number: 48, name: "iso8583", family: L7Family.other },
  { number: 49, name: "triple", family: L7Family.rpc },
  { number: 50, name: "net_sign", family: L7Family.other },
  { number: 60, name: "mysql", family: L7Family.database },
  { number: 61, name: "postgresql", family: L7Family.database },
  { number: 62, name: "oracle.db", family: L7Family.database },
  { number: 63, name: "dameng", family: L7Family.database },
  { number: 80, name: "redis", family: L7Family.database },
  { number: 81, name: "mongodb", family: L7Family.database },
  { number: 82, name: "memcached", family: L7Family.database },
  { number: 100, name: "kafka", family: L7Family.messaging },
  { number: 101, name: "mqtt", family: L7Family.messaging },
  { number: 102, name: "amqp", family: L7Family.messaging },
  { number: 103, name: "openwire", family: L7Family.messaging },
  { number: 104, name: "nats", family: L7Family.messaging },
  { number: 105, name: "pulsar", family: L7Family.messaging },
  { number: 106, name: "zmtp", family: L7Family.messaging },
  { number: 107, name: "rocketmq", family: L7Family.messaging },
  { number: 108, name: "ibmmq", family: L7Family.messaging },
  { number: 120, name: "dns", family: L7Family.dns },
  { number: 121, name: "tls", family: L7Family.other },
  { number: 122, name: "ping", family: L7Family.other },
];

export const L7_HTTP1 = 20;
const L7_HTTP2 = 21;
export const L7_GRPC = 41;
export const L7_CUSTOM = 127;

const BY_NUMBER = new Map(PROTOCOLS.map((protocol) => [protocol.number, protocol]));
/** The first of a name wins: `http` is HTTP/1 unless the version says 2. */
const BY_NAME = new Map([...PROTOCOLS].reverse().map((protocol) => [protocol.name, protocol]));
/** Names that others use for the same. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["http1", "http"],
  ["fcgi", "fastcgi"],
  ["cql", "cassandra"],
  ["oracle", "oracle.db"],
]);

export function l7ProtocolOf(number: number): L7Protocol | undefined {
  return BY_NUMBER.get(number);
}

/** undefined: the row has to be `custom`, with the name beside it. */
export function l7ProtocolNumber(name: string, version: string | undefined): number | undefined {
  const known = ALIASES.get(name) ?? name;
  if (known === "http" || known === "http2") return known === "http2" || version?.startsWith("2") ? L7_HTTP2 : L7_HTTP1;
  return BY_NAME.get(known)?.number;
}
