import { SEMCONV_SCHEMA_URL } from "../semconv.ts";
import type { Resource, Span } from "../span.ts";
import { writeAttributes } from "./attributes.ts";
import { ChunkStore } from "./chunk-store.ts";
import { ReverseWriter, tag, WireType } from "./reverse-writer.ts";
import { SCOPE_NAME, SCOPE_VERSION } from "./scope.ts";
import { WrittenSpans, writeSpan } from "./span.ts";

/** An ExportTraceServiceRequest in protobuf (collector/trace/v1/trace_service.proto). */
export interface EncodedRequest {
  readonly bytes: Uint8Array;
  readonly spanCount: number;
}

/** Encoded spans of one resource: a run of ScopeSpans.spans fields. */
interface Chunk {
  readonly bytes: Uint8Array;
  readonly spanCount: number;
}

const REQUEST_FIELD = { resourceSpans: tag(1, WireType.lengthDelimited) } as const;
const RESOURCE_SPANS_FIELD = {
  resource: tag(1, WireType.lengthDelimited),
  scopeSpans: tag(2, WireType.lengthDelimited),
  schemaUrl: tag(3, WireType.lengthDelimited),
} as const;
const SCOPE_SPANS_FIELD = {
  scope: tag(1, WireType.lengthDelimited),
  spans: tag(2, WireType.lengthDelimited),
  schemaUrl: tag(3, WireType.lengthDelimited),
} as const;
const RESOURCE_FIELD = { attributes: tag(1, WireType.lengthDelimited) } as const;
const SCOPE_FIELD = { name: tag(1, WireType.lengthDelimited), version: tag(2, WireType.lengthDelimited) } as const;

/** Tags and lengths around one resource's spans: two nested messages of at most 5 bytes of length each, and a third. */
const FRAMING_SIZE_BYTES = 20;
/** A chunk is closed when it has grown past this, so that requests can be filled close to their limit. */
const CHUNK_SIZE_BYTES = 32_768;

/** Takes spans as they come, and encodes them at once: bytes are a quarter of the objects, and known to the byte. */
export class TraceRequestBuilder {
  readonly #chunks = new Map<Resource, Chunk[]>();
  readonly #store = new ChunkStore();
  #spanCount = 0;
  #sizeBytes = 0;

  get spanCount(): number {
    return this.#spanCount;
  }

  /** Size of one request that would hold everything (an upper bound, a few bytes above). */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  add(spans: readonly Span[]): void {
    for (const [resource, group] of byResource(spans)) {
      let chunks = this.#chunks.get(resource);
      if (chunks === undefined) {
        chunks = [];
        this.#chunks.set(resource, chunks);
        this.#sizeBytes += overheadOf(resource);
      }
      for (const chunk of encodeChunks(group, this.#store)) {
        chunks.push(chunk);
        this.#sizeBytes += chunk.bytes.length;
      }
      this.#spanCount += group.length;
    }
  }

  /** The requests, filled in order; the builder is empty then. */
  finish(maxSizeBytes: number): EncodedRequest[] {
    const requests: EncodedRequest[] = [];
    let open = new Map<Resource, Chunk[]>();
    let openSizeBytes = 0;
    for (const [resource, chunks] of this.#chunks) {
      for (const chunk of chunks) {
        let added = chunk.bytes.length + (open.has(resource) ? 0 : overheadOf(resource));
        if (openSizeBytes > 0 && openSizeBytes + added > maxSizeBytes) {
          requests.push(assemble(open, openSizeBytes));
          open = new Map();
          openSizeBytes = 0;
          added = chunk.bytes.length + overheadOf(resource);
        }
        const list = open.get(resource);
        if (list === undefined) open.set(resource, [chunk]);
        else list.push(chunk);
        openSizeBytes += added;
      }
    }
    if (openSizeBytes > 0) requests.push(assemble(open, openSizeBytes));
    this.#chunks.clear();
    this.#store.clear();
    this.#spanCount = 0;
    this.#sizeBytes = 0;
    return requests;
  }
}

function byResource(spans: readonly Span[]): Map<Resource, Span[]> {
  const groups = new Map<Resource, Span[]>();
  for (const span of spans) {
    const group = groups.get(span.resource);
    if (group === undefined) groups.set(span.resource, [span]);
    else group.push(span);
  }
  return groups;
}

/** Spans are written from the last to the first; the chunks come back in order. */
function encodeChunks(spans: readonly Span[], store: ChunkStore): Chunk[] {
  const chunks: Chunk[] = [];
  const writer = shared;
  writer.clear();
  written.forget();
  let spanCount = 0;
  for (let i = spans.length - 1; i >= 0; i--) {
    const start = writer.length;
    writeSpan(writer, spans[i]!, written);
    writer.prefix(SCOPE_SPANS_FIELD.spans, start);
    const ownSizeBytes = writer.length - start;
    // A giant goes alone: together with small ones it could pass a limit that each of them keeps.
    if (ownSizeBytes > CHUNK_SIZE_BYTES && spanCount > 0) {
      chunks.push({ bytes: store.keep(writer.view(ownSizeBytes)), spanCount });
      chunks.push({ bytes: store.keep(writer.view(0, ownSizeBytes)), spanCount: 1 });
    } else {
      spanCount++;
      if (writer.length < CHUNK_SIZE_BYTES && i > 0) continue;
      chunks.push({ bytes: store.keep(writer.view()), spanCount });
    }
    writer.clear();
    written.forget();
    spanCount = 0;
  }
  return chunks.reverse();
}

function assemble(groups: ReadonlyMap<Resource, readonly Chunk[]>, sizeBytes: number): EncodedRequest {
  // In the room that it needs, to a few bytes: it is handed on as it is.
  const writer = new ReverseWriter(sizeBytes);
  let spanCount = 0;
  for (const [resource, chunks] of [...groups].reverse()) {
    const start = writer.length;
    writeText(writer, RESOURCE_SPANS_FIELD.schemaUrl, SEMCONV_SCHEMA_URL);
    const scopeSpans = writer.length;
    writeText(writer, SCOPE_SPANS_FIELD.schemaUrl, SEMCONV_SCHEMA_URL);
    for (let i = chunks.length - 1; i >= 0; i--) {
      writer.bytes(chunks[i]!.bytes);
      spanCount += chunks[i]!.spanCount;
    }
    writer.bytes(scopeBlock);
    writer.prefix(RESOURCE_SPANS_FIELD.scopeSpans, scopeSpans);
    writer.bytes(resourceBlock(resource));
    writer.prefix(REQUEST_FIELD.resourceSpans, start);
  }
  return { bytes: writer.view(), spanCount };
}

/** ResourceSpans.resource, encoded once per process. */
function resourceBlock(resource: Resource): Uint8Array {
  let block = resourceBlocks.get(resource);
  if (block === undefined) {
    const writer = new ReverseWriter(1_024);
    writeAttributes(writer, RESOURCE_FIELD.attributes, resource.attributes);
    writer.prefix(RESOURCE_SPANS_FIELD.resource, 0);
    block = writer.slice();
    resourceBlocks.set(resource, block);
  }
  return block;
}

function overheadOf(resource: Resource): number {
  return resourceBlock(resource).length + FIXED_OVERHEAD_SIZE_BYTES;
}

function writeText(writer: ReverseWriter, fieldTag: number, text: string): void {
  const start = writer.length;
  writer.utf8(text);
  writer.prefix(fieldTag, start);
}

function encodeScope(): Uint8Array {
  const writer = new ReverseWriter(256);
  writeText(writer, SCOPE_FIELD.version, SCOPE_VERSION);
  writeText(writer, SCOPE_FIELD.name, SCOPE_NAME);
  writer.prefix(SCOPE_SPANS_FIELD.scope, 0);
  return writer.slice();
}

const shared = new ReverseWriter();
const written = new WrittenSpans();
const resourceBlocks = new WeakMap<Resource, Uint8Array>();
const scopeBlock = encodeScope();
const FIXED_OVERHEAD_SIZE_BYTES = scopeBlock.length + 2 * SEMCONV_SCHEMA_URL.length + FRAMING_SIZE_BYTES;
