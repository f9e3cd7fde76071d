/** Methods of AMQP 0-9-1 (amqp-xml-doc0-9-1 and RabbitMQ's extensions). Keys are class * 1000 + method. */
import { ByteReader } from "../byte-reader.ts";

export const Method = {
  connectionStart: 10_010,
  connectionStartOk: 10_011,
  connectionTune: 10_030,
  connectionOpen: 10_040,
  connectionClose: 10_050,
  channelOpen: 20_010,
  channelClose: 20_040,
  basicPublish: 60_040,
  basicReturn: 60_050,
  basicDeliver: 60_060,
  basicGet: 60_070,
  basicGetOk: 60_071,
  basicGetEmpty: 60_072,
  basicAck: 60_080,
  basicReject: 60_090,
  basicNack: 60_120,
} as const;

/** How a client settles what was delivered. */
export const SETTLEMENTS: ReadonlyMap<number, string> = new Map<number, string>([
  [Method.basicAck, "ack"],
  [Method.basicReject, "reject"],
  [Method.basicNack, "nack"],
]);

/** What follows the arguments that say what the method is about: the index of the no-wait bit in their last byte. */
export interface RequestLayout {
  readonly name: string;
  readonly answers: readonly number[];
  /** `q`ueue, `e`xchange, `r`outing key, `x` another short string, `2` a short to skip, `4` a long. */
  readonly args: string;
  readonly noWaitBit?: number;
}

/** Requests of the client, each with its answers. */
export const REQUESTS: ReadonlyMap<number, RequestLayout> = new Map([
  [10_040, { name: "connection.open", answers: [10_041], args: "v" }],
  [10_050, { name: "connection.close", answers: [10_051], args: "" }],
  [20_010, { name: "channel.open", answers: [20_011], args: "" }],
  [20_020, { name: "channel.flow", answers: [20_021], args: "" }],
  [20_040, { name: "channel.close", answers: [20_041], args: "" }],
  [40_010, { name: "exchange.declare", answers: [40_011], args: "2ex", noWaitBit: 4 }],
  [40_020, { name: "exchange.delete", answers: [40_021], args: "2e", noWaitBit: 1 }],
  [40_030, { name: "exchange.bind", answers: [40_031], args: "2exr", noWaitBit: 0 }],
  [40_040, { name: "exchange.unbind", answers: [40_051], args: "2exr", noWaitBit: 0 }],
  [50_010, { name: "queue.declare", answers: [50_011], args: "2q", noWaitBit: 4 }],
  [50_020, { name: "queue.bind", answers: [50_021], args: "2qer", noWaitBit: 0 }],
  [50_030, { name: "queue.purge", answers: [50_031], args: "2q", noWaitBit: 0 }],
  [50_040, { name: "queue.delete", answers: [50_041], args: "2q", noWaitBit: 2 }],
  [50_050, { name: "queue.unbind", answers: [50_051], args: "2qer" }],
  [60_010, { name: "basic.qos", answers: [60_011], args: "" }],
  [60_020, { name: "basic.consume", answers: [60_021], args: "2qx", noWaitBit: 3 }],
  [60_030, { name: "basic.cancel", answers: [60_031], args: "x", noWaitBit: 0 }],
  [60_070, { name: "basic.get", answers: [60_071, 60_072], args: "2q" }],
  [60_110, { name: "basic.recover", answers: [60_111], args: "" }],
  [85_010, { name: "confirm.select", answers: [85_011], args: "", noWaitBit: 0 }],
  [90_010, { name: "tx.select", answers: [90_011], args: "" }],
  [90_020, { name: "tx.commit", answers: [90_021], args: "" }],
  [90_030, { name: "tx.rollback", answers: [90_031], args: "" }],
]);

const ANSWERS = new Set([...REQUESTS.values()].flatMap(({ answers }) => answers));
const CLIENT_ONLY = new Set([10_011, 10_021, 10_031, 60_040, 60_090, 60_100, ...REQUESTS.keys()]);
const SERVER_ONLY = new Set([10_010, 10_020, 10_030, 60_050, 60_060, ...ANSWERS]);
/** Either end may close, flow, cancel, acknowledge. */
const BOTH = new Set([
  10_050, 10_051, 20_020, 20_021, 20_040, 20_041, 60_030, 60_031, 60_080, 60_120, 10_060, 10_061, 10_070, 10_071,
]);

/** Who sends this method; `both`; undefined: no method. */
export function senderOfMethod(method: number): "client" | "server" | "both" | undefined {
  if (BOTH.has(method)) return "both";
  if (CLIENT_ONLY.has(method)) return "client";
  return SERVER_ONLY.has(method) ? "server" : undefined;
}

export interface MethodArguments {
  queue: string | undefined;
  exchange: string | undefined;
  routingKey: string | undefined;
  virtualHost: string | undefined;
  isNoWait: boolean;
}

export function readArguments(bytes: Uint8Array, from: number, end: number, layout: RequestLayout): MethodArguments {
  const reader = new ByteReader(bytes, from, end);
  const result: MethodArguments = {
    queue: undefined,
    exchange: undefined,
    routingKey: undefined,
    virtualHost: undefined,
    isNoWait: false,
  };
  for (const part of layout.args) {
    if (part === "2") reader.skip(2);
    else {
      const text = reader.utf8(reader.uint8());
      if (part === "q") result.queue = text;
      else if (part === "e") result.exchange = text;
      else if (part === "r") result.routingKey = text;
      else if (part === "v") result.virtualHost = text;
    }
  }
  if (layout.noWaitBit !== undefined)
    result.isNoWait = ((reader.uint8() >> layout.noWaitBit) & 1) === 1 && !reader.failed;
  return result;
}

/** String values of a field table, keys in lower case. */
export function readTable(reader: ByteReader, end: number): Map<string, string> {
  const table = new Map<string, string>();
  while (reader.position < end && !reader.failed && table.size < 64) {
    const key = reader.latin1(reader.uint8()).toLowerCase();
    const type = String.fromCharCode(reader.uint8());
    const length = valueLength(reader, type);
    if (length < 0) break;
    if (type === "S" && length <= 1024) {
      const value = reader.utf8(length);
      if (!reader.failed) table.set(key, value);
    } else reader.skip(length);
  }
  return table;
}

function valueLength(reader: ByteReader, type: string): number {
  switch (type) {
    case "t":
    case "b":
    case "B":
      return 1;
    case "U":
    case "u":
    case "s":
      return 2;
    case "I":
    case "i":
    case "f":
      return 4;
    case "D":
      return 5;
    case "L":
    case "l":
    case "d":
    case "T":
      return 8;
    case "V":
      return 0;
    case "S":
    case "A":
    case "F":
    case "x":
      return reader.uint32();
    default:
      return -1;
  }
}
