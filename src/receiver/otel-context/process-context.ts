/**
 * What an SDK publishes of its process (OTEP 4719): a header in a mapping named OTEL_CTX, and a protobuf message, which is a
 * ProcessContext (opentelemetry/proto/processcontext/v1development), before that was defined a Resource. The process is
 * a stranger: everything is bounded, and what makes no sense is left out.
 */
import { asInt64, asText, readFields } from "../../mapping/otlp/wire-reader.ts";
import type { Attribute } from "../../mapping/span.ts";
import { u64, viewOf } from "../elf/elf-file.ts";
import type { MemoryMapping } from "../runtimes/process-view.ts";

const SIGNATURE = "OTEL_CTX";
const VERSION = 2;
const HEADER_BYTES = 32;
const MAX_PAYLOAD_BYTES = 64 << 10;
const MAX_ATTRIBUTES = 128;
const MAX_KEY_CHARACTERS = 256;
const MAX_VALUE_CHARACTERS = 512;
/** A thread's attributes name their keys by a byte. */
const MAX_KEYS = 256;
/** A writer may be at work; then it is read again. */
const ATTEMPTS = 3;
const MAPPING = /^(?:\/memfd:OTEL_CTX|\[anon_shmem:OTEL_CTX\]|\[anon:OTEL_CTX\])/;
/** Between processes alone, never exported (OTEP 4947). */
const COORDINATION = "threadlocal.";
const KEY_MAP = "threadlocal.attribute_key_map";

export interface ProcessContext {
  /** Changes with each publication. */
  readonly publishedAtNs: bigint;
  /** Of the SDK's resource. */
  readonly resource: readonly Attribute[];
  /** Names of the attributes of thread contexts, by index. */
  readonly threadKeys: readonly string[];
}

type Memory = (address: number, lengthBytes: number) => Promise<Uint8Array>;

export function contextMappings(mappings: readonly MemoryMapping[]): readonly MemoryMapping[] {
  return mappings.filter(({ path }) => MAPPING.test(path));
}

/** @param known what was read of it before: not read again while it is the same */
export async function readProcessContext(
  address: number,
  memory: Memory,
  known: ProcessContext | undefined,
): Promise<ProcessContext | undefined> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const header = await readHeader(address, memory);
    if (header === undefined) return undefined;
    const { publishedAtNs, payload, payloadBytes } = header;
    if (publishedAtNs === 0n) continue;
    if (publishedAtNs === known?.publishedAtNs) return known;
    const bytes = await memory(payload, payloadBytes);
    const after = await readHeader(address, memory);
    if (after?.publishedAtNs !== publishedAtNs || bytes.length < payloadBytes) continue;
    return { publishedAtNs, ...decodeProcessContext(bytes) };
  }
  return undefined;
}

async function readHeader(address: number, memory: Memory) {
  const bytes = await memory(address, HEADER_BYTES);
  if (bytes.length < HEADER_BYTES || Buffer.from(bytes.subarray(0, 8)).toString("latin1") !== SIGNATURE) {
    return undefined;
  }
  const view = viewOf(bytes);
  const payloadBytes = view.getUint32(12, true);
  const payload = u64(view, 24);
  if (view.getUint32(8, true) !== VERSION || payloadBytes === 0 || payloadBytes > MAX_PAYLOAD_BYTES) return undefined;
  if (!Number.isSafeInteger(payload)) return undefined;
  return { publishedAtNs: view.getBigUint64(16, true), payload, payloadBytes };
}

export function decodeProcessContext(payload: Uint8Array): Omit<ProcessContext, "publishedAtNs"> {
  const resource: Attribute[] = [];
  let threadKeys: readonly string[] = [];
  const add = (keyValue: Uint8Array, isResource: boolean) => {
    const { key, value } = readKeyValue(keyValue);
    if (key === KEY_MAP) threadKeys = readKeyMap(value);
    if (!isResource || key === "" || key.length > MAX_KEY_CHARACTERS || key.startsWith(COORDINATION)) return;
    const read = readValue(value);
    if (read !== undefined && resource.length < MAX_ATTRIBUTES) resource.push([key, read]);
  };
  for (const { field, bytes, wireType } of readFields(payload)) {
    if (wireType !== LENGTH_DELIMITED) continue;
    if (field === 2) add(bytes, false);
    else if (field === 1 && isKeyValue(bytes)) add(bytes, true);
    else if (field === 1) {
      for (const inner of readFields(bytes)) {
        if (inner.field === 1 && inner.wireType === LENGTH_DELIMITED) add(inner.bytes, true);
      }
    }
  }
  return { resource, threadKeys };
}

const LENGTH_DELIMITED = 2;

/** KeyValue.value is a message, Resource.dropped_attributes_count of the same number is not. */
function isKeyValue(message: Uint8Array): boolean {
  for (const { field, wireType } of readFields(message)) {
    if (field === 2) return wireType === LENGTH_DELIMITED;
  }
  return false;
}

function readKeyValue(message: Uint8Array): { readonly key: string; readonly value: Uint8Array } {
  let key = "";
  let value: Uint8Array = new Uint8Array();
  for (const { field, bytes } of readFields(message)) {
    if (field === 1) key = asText(bytes);
    else if (field === 2) value = bytes;
  }
  return { key, value };
}

/** AnyValue: a string, a boolean, or a number; others are left out. */
function readValue(message: Uint8Array): string | number | boolean | undefined {
  for (const { field, bytes, value, start, end } of readFields(message)) {
    if (field === 1) return asText(bytes).slice(0, MAX_VALUE_CHARACTERS);
    if (field === 2) return value !== 0n;
    if (field === 3) return asInt64(value);
    if (field === 4 && end - start === 9) return viewOf(message).getFloat64(end - 8, true);
  }
  return undefined;
}

/** AnyValue.array_value of strings. */
function readKeyMap(message: Uint8Array): readonly string[] {
  const keys: string[] = [];
  for (const array of readFields(message)) {
    if (array.field !== 5) continue;
    for (const each of readFields(array.bytes)) {
      if (each.field !== 1 || keys.length >= MAX_KEYS) continue;
      const key = readValue(each.bytes);
      keys.push(typeof key === "string" && key.length <= MAX_KEY_CHARACTERS ? key : "");
    }
  }
  return keys;
}
