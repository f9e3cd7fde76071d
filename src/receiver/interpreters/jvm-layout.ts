/** Where HotSpot keeps what frames of its own are named from, and how its code cache is laid out. All of it by its own description. */
import type { JavaEngine, JavaHeap } from "../../bpf/layout.gen.ts";
import { u64, viewOf } from "../elf/elf-file.ts";
import type { Image } from "../runtimes/images.ts";
import type { ProcessView } from "../runtimes/process-view.ts";
import { readVmStructs, type VmStructs } from "../runtimes/vm-structs.ts";

const HEAP_LIMIT = 3;
const POINTER_BYTES = 8;
const TYPES: ReadonlySet<string> = new Set([
  "AbstractInterpreter",
  "CodeBlob",
  "CodeCache",
  "CodeHeap",
  "CompiledMethod",
  "ConstMethod",
  "ConstantPool",
  "GrowableArray<int>",
  "GrowableArrayBase",
  "HeapBlock",
  "Klass",
  "Method",
  "StubQueue",
  "Symbol",
  "VirtualSpace",
  "nmethod",
]);

/** Offsets in bytes. */
export interface JvmLayout {
  /** In a CodeBlob: its name, a C string of the library. */
  readonly blobName: number;
  /** In an nmethod, which is a CodeBlob: what it was compiled from. */
  readonly compiledMethod: number;
  readonly methodConst: number;
  readonly constPool: number;
  readonly constNameIndex: number;
  readonly poolLength: number;
  readonly poolHolder: number;
  readonly poolSourceFileIndex: number | undefined;
  /** Where the pool's entries begin. */
  readonly poolEntries: number;
  readonly klassName: number;
  readonly symbolLength: number;
  readonly symbolBody: number;
}

export interface Jvm {
  readonly layout: JvmLayout;
  readonly engine: JavaEngine;
}

/** @returns undefined when the machine is not up yet, or does not say all that is needed */
export async function findJvm(process: ProcessView, image: Image): Promise<Jvm | undefined> {
  const structs = await readVmStructs(process, image, TYPES);
  const layout = structs === undefined ? undefined : layoutOf(structs);
  if (structs === undefined || layout === undefined) return undefined;
  const engine = await new CodeCache(process, structs).engine();
  return engine === undefined ? undefined : { layout, engine };
}

function layoutOf({ offsets, sizes }: VmStructs): JvmLayout | undefined {
  const needed = {
    blobName: offsets.get("CodeBlob::_name"),
    compiledMethod: offsets.get("nmethod::_method") ?? offsets.get("CompiledMethod::_method"),
    methodConst: offsets.get("Method::_constMethod"),
    constPool: offsets.get("ConstMethod::_constants"),
    constNameIndex: offsets.get("ConstMethod::_name_index"),
    poolLength: offsets.get("ConstantPool::_length"),
    poolHolder: offsets.get("ConstantPool::_pool_holder"),
    poolEntries: sizes.get("ConstantPool"),
    klassName: offsets.get("Klass::_name"),
    symbolLength: offsets.get("Symbol::_length"),
    symbolBody: offsets.get("Symbol::_body[0]") ?? offsets.get("Symbol::_body"),
  };
  if (!Object.values(needed).every((offset) => offset !== undefined && offset < 4096)) return undefined;
  const poolSourceFileIndex = offsets.get("ConstantPool::_source_file_name_index");
  return { ...(needed as { [key in keyof typeof needed]: number }), poolSourceFileIndex };
}

class CodeCache {
  readonly #process: ProcessView;
  readonly #structs: VmStructs;

  constructor(process: ProcessView, structs: VmStructs) {
    this.#process = process;
    this.#structs = structs;
  }

  async engine(): Promise<JavaEngine | undefined> {
    const { offsets, fieldTypes, sizes } = this.#structs;
    const heaps = await this.#heaps();
    const interpreter = await this.#interpreter();
    const low = await this.#static("CodeCache::_low_bound");
    const high = await this.#static("CodeCache::_high_bound");
    const shiftAt = offsets.get("CodeHeap::_log2_segment_size");
    const first = await this.#heap(0);
    const shift = shiftAt === undefined || first === undefined ? undefined : await this.#int(first + shiftAt);
    const header = sizes.get("HeapBlock");
    const frameSize = offsets.get("CodeBlob::_frame_size");
    const frameComplete = offsets.get("CodeBlob::_frame_complete_offset");
    const code = offsets.get("CodeBlob::_code_begin") ?? offsets.get("CodeBlob::_code_offset");
    if (!heaps || !interpreter || !low || !high || !shift || shift > 16 || header === undefined) return undefined;
    if (frameSize === undefined || frameComplete === undefined || code === undefined || high <= low) return undefined;
    return {
      heaps,
      low,
      high,
      ...interpreter,
      segmentShift: shift,
      blockHeader: header,
      blobFrameSize: frameSize,
      blobFrameComplete: frameComplete,
      blobCode: code,
      isFrameCompleteShort: Number(fieldTypes.get("CodeBlob::_frame_complete_offset") === "int16_t"),
      isCodeOffset: Number(offsets.has("CodeBlob::_code_offset")),
    };
  }

  async #heaps(): Promise<JavaHeap[] | undefined> {
    const { offsets } = this.#structs;
    const [memory, map] = [offsets.get("CodeHeap::_memory"), offsets.get("CodeHeap::_segmap")];
    const [low, high] = [offsets.get("VirtualSpace::_low_boundary"), offsets.get("VirtualSpace::_high_boundary")];
    if (memory === undefined || map === undefined || low === undefined || high === undefined) return undefined;
    const heaps: JavaHeap[] = [];
    for (let index = 0; index < HEAP_LIMIT; index++) {
      const heap = await this.#heap(index);
      if (heap === undefined) break;
      const found = {
        low: await this.#pointer(heap + memory + low),
        high: await this.#pointer(heap + memory + high),
        segments: await this.#pointer(heap + map + low),
      };
      if (found.low === 0 || found.high <= found.low || found.segments === 0) return undefined;
      heaps.push(found);
    }
    return heaps.length === 0 ? undefined : heaps;
  }

  async #heap(index: number): Promise<number | undefined> {
    const { offsets } = this.#structs;
    const [length, data] = [offsets.get("GrowableArrayBase::_len"), offsets.get("GrowableArray<int>::_data")];
    const array = await this.#static("CodeCache::_heaps");
    if (!array || length === undefined || data === undefined) return undefined;
    if (index >= (await this.#int(array + length))) return undefined;
    const heap = await this.#pointer((await this.#pointer(array + data)) + index * POINTER_BYTES);
    return heap === 0 ? undefined : heap;
  }

  async #interpreter(): Promise<{ interpreterLow: number; interpreterHigh: number } | undefined> {
    const { offsets } = this.#structs;
    const [buffer, limit] = [offsets.get("StubQueue::_stub_buffer"), offsets.get("StubQueue::_buffer_limit")];
    const queue = await this.#static("AbstractInterpreter::_code");
    if (!queue || buffer === undefined || limit === undefined) return undefined;
    const interpreterLow = await this.#pointer(queue + buffer);
    const lengthBytes = await this.#int(queue + limit);
    if (interpreterLow === 0 || lengthBytes <= 0) return undefined;
    return { interpreterLow, interpreterHigh: interpreterLow + lengthBytes };
  }

  async #static(name: string): Promise<number> {
    const address = this.#structs.addresses.get(name);
    return address === undefined ? 0 : this.#pointer(address);
  }

  /** 0 where nothing is. */
  async #pointer(address: number): Promise<number> {
    const bytes = await this.#process.memory(address, POINTER_BYTES);
    return bytes.length < POINTER_BYTES ? 0 : u64(viewOf(bytes), 0);
  }

  async #int(address: number): Promise<number> {
    const bytes = await this.#process.memory(address, 4);
    return bytes.length < 4 ? 0 : viewOf(bytes).getInt32(0, true);
  }
}
