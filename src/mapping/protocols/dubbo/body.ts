/** Bodies of Dubbo messages in the serializations that are read. What is not understood is left out. */
import { latin1, utf8 } from "../../latin1.ts";
import { Hessian2Reader } from "./hessian2.ts";

interface DubboRequestBody {
  readonly service: string;
  readonly version: string;
  readonly method: string;
  readonly properties: Map<string, string>;
}

/** org.apache.dubbo.common.serialize.Constants. */
const Serialization = { hessian2: 2, fastjson: 6, kryo: 8, fst: 9, kryo2: 25 } as const;
/** First byte of a result, as org.apache.dubbo.rpc.protocol.dubbo.DubboCodec numbers them. */
const EXCEPTION = 0;
const EXCEPTION_WITH_ATTACHMENTS = 3;
const NAME = /^[\w$.\-/:]{1,256}$/;
const MAX_ARGUMENTS = 32;

export function readDubboRequest(
  bytes: Uint8Array,
  from: number,
  end: number,
  serialization: number,
): DubboRequestBody | undefined {
  const properties = new Map<string, string>();
  let texts: (string | undefined)[] = [];
  if (serialization === Serialization.hessian2) {
    const reader = new Hessian2Reader(bytes, from, end);
    texts = [reader.text(), reader.text(), reader.text(), reader.text()];
    const types = reader.text();
    if (types !== undefined && !reader.failed) {
      const count = countTypes(types);
      for (let i = 0; i < count && !reader.failed; i++) reader.skip();
      if (!reader.failed) for (const [key, value] of reader.map()) properties.set(key, value);
    }
  } else if (serialization === Serialization.fastjson) {
    texts = utf8(bytes, from, Math.min(end, from + 2048))
      .split("\n", 4)
      .map(unquoted);
  } else if (serialization === Serialization.kryo || serialization === Serialization.kryo2) {
    texts = kryoTexts(bytes, from, end, 4);
  } else {
    return undefined;
  }
  const [, service, version, method] = texts;
  if (service === undefined || method === undefined || !NAME.test(service) || !NAME.test(method)) return undefined;
  return { service, version: version ?? "", method, properties };
}

/** Class of the exception that the answer holds, or "exception"; undefined: there is none. */
export function readDubboResponse(
  bytes: Uint8Array,
  from: number,
  end: number,
  serialization: number,
): string | undefined {
  if (from >= end) return undefined;
  let kind: number | undefined;
  if (serialization === Serialization.hessian2) {
    const reader = new Hessian2Reader(bytes, from, end);
    kind = reader.integer();
    if (kind === EXCEPTION || kind === EXCEPTION_WITH_ATTACHMENTS) return reader.className() ?? "exception";
  } else if (serialization === Serialization.fastjson) {
    kind = bytes[from]! - 0x30;
  } else if (serialization === Serialization.kryo || serialization === Serialization.kryo2) {
    kind = bytes[from];
  }
  return kind === EXCEPTION || kind === EXCEPTION_WITH_ATTACHMENTS ? "exception" : undefined;
}

/** Descriptors of Java types, one behind the other: `Ljava/lang/String;[I`. */
function countTypes(types: string): number {
  let count = 0;
  for (let i = 0; i < types.length && count < MAX_ARGUMENTS; i++) {
    if (types[i] === "[") continue;
    if (types[i] === "L") {
      i = types.indexOf(";", i);
      if (i < 0) return MAX_ARGUMENTS;
    }
    count++;
  }
  return count;
}

function unquoted(line: string): string | undefined {
  return /^"([^"\\]*)"\r?$/.exec(line)?.[1];
}

/** ASCII texts have their last byte's high bit set; others a length of characters, whose first byte has it. */
function kryoTexts(bytes: Uint8Array, from: number, end: number, count: number): (string | undefined)[] {
  const texts: (string | undefined)[] = [];
  let at = from;
  while (texts.length < count && at < end) {
    const first = bytes[at]!;
    if (first < 0x80) {
      let last = at;
      while (last < end && bytes[last]! < 0x80) last++;
      if (last >= end || last - at > 512) break;
      texts.push(latin1(bytes, at, last) + String.fromCharCode(bytes[last]! & 0x7f));
      at = last + 1;
    } else {
      // One more than the number of characters; 0 is null. Names are ASCII and shorter than 64.
      const length = (first & 0x3f) - 1;
      if ((first & 0x40) !== 0 || at + 1 + length > end) break;
      texts.push(length < 0 ? undefined : latin1(bytes, at + 1, at + 1 + length));
      at += 1 + Math.max(0, length);
    }
  }
  return texts;
}
