import assert from "node:assert/strict";
import { LoadedClasses } from "../../../src/receiver/runtimes/hotspot-classes.ts";
import type { ProcessView } from "../../../src/receiver/runtimes/process-view.ts";
import type { VmStructs } from "../../../src/receiver/runtimes/vm-structs.ts";

const BASE = 0x7f00_0000;
const HEAD = BASE;
const POOL_HEADER = 16;
const OFFSETS = {
  "ClassLoaderData::_next": 8,
  "ClassLoaderData::_klasses": 16,
  "Klass::_next_link": 8,
  "Klass::_name": 16,
  "Klass::_layout_helper": 24,
  "InstanceKlass::_constants": 32,
  "Symbol::_length": 4,
  "Symbol::_body": 6,
};

/** Memory of a VM that has loaded what it is told to load. */
class FakeVm {
  readonly #bytes = Buffer.alloc(1 << 16);
  readonly #hasStream: boolean;
  #used = 64;
  readonly #loader: number;

  /** @param hasStream as JDK 21 and later tell fields */
  constructor(hasStream: boolean) {
    this.#hasStream = hasStream;
    this.#loader = this.#allocate(32);
    this.#put(HEAD, this.#loader);
  }

  get structs(): VmStructs {
    const fields: Record<string, number> = this.#hasStream
      ? { "InstanceKlass::_fieldinfo_stream": 40 }
      : { "InstanceKlass::_fields": 40, "InstanceKlass::_java_fields_count": 48 };
    return {
      offsets: new Map(Object.entries({ ...OFFSETS, ...fields })),
      addresses: new Map([["ClassLoaderDataGraph::_head", HEAD]]),
      fieldTypes: new Map(),
      sizes: new Map([["ConstantPool", POOL_HEADER]]),
    };
  }

  /** @returns its address */
  load(name: string, fields: Readonly<Record<string, number>>): number {
    const klass = this.#allocate(64);
    this.#put(klass + 8, this.#get(this.#loader + 16));
    this.#put(this.#loader + 16, klass);
    this.#put(klass + 16, this.#symbol(name));
    this.#bytes.writeUInt32LE(40, klass + 24 - BASE);
    const names = Object.keys(fields);
    const pool = this.#allocate(POOL_HEADER + 8 * names.length);
    for (const [index, field] of names.entries()) this.#put(pool + POOL_HEADER + 8 * index, this.#symbol(field));
    this.#put(klass + 32, pool);
    this.#put(klass + 40, this.#hasStream ? this.#stream(Object.values(fields)) : this.#rows(Object.values(fields)));
    this.#bytes.writeUInt16LE(names.length, klass + 48 - BASE);
    return klass;
  }

  view(): ProcessView {
    return {
      memory: async (address: number, length: number) => {
        const at = Math.floor(address / 4096) * 4096 < BASE ? -1 : address - BASE;
        return at < 0 ? new Uint8Array() : Uint8Array.from(this.#bytes.subarray(at, at + length));
      },
    } as unknown as ProcessView;
  }

  /** The offset of each with two bits of tag below it. */
  #rows(offsets: readonly number[]): number {
    const array = this.#allocate(4 + offsets.length * 12);
    for (const [index, offset] of offsets.entries()) {
      const at = array + 4 + index * 12 - BASE;
      this.#bytes.writeUInt16LE(index, at + 2);
      this.#bytes.writeUInt32LE(offset * 4 + 1, at + 8);
    }
    return array;
  }

  /** Every other field has an initial value, which is one number more. */
  #stream(offsets: readonly number[]): number {
    const numbers = [offsets.length, 0];
    for (const [index, offset] of offsets.entries()) {
      numbers.push(index, 9, offset, 0x12, index % 2);
      if (index % 2 === 1) numbers.push(300);
    }
    const bytes = numbers.flatMap(unsignedFive);
    const array = this.#allocate(4 + bytes.length);
    this.#bytes.writeUInt32LE(bytes.length, array - BASE);
    this.#bytes.set(bytes, array + 4 - BASE);
    return array;
  }

  #symbol(text: string): number {
    const symbol = this.#allocate(6 + text.length);
    this.#bytes.writeUInt16LE(text.length, symbol + 4 - BASE);
    this.#bytes.write(text, symbol + 6 - BASE, "latin1");
    return symbol;
  }

  #allocate(bytes: number): number {
    const address = BASE + this.#used;
    this.#used += Math.ceil(bytes / 8) * 8;
    return address;
  }

  #put(address: number, value: number): void {
    this.#bytes.writeBigUInt64LE(BigInt(value), address - BASE);
  }

  #get(address: number): number {
    return Number(this.#bytes.readBigUInt64LE(address - BASE));
  }
}

/** unsigned5.hpp, of what fits into two digits. */
function unsignedFive(value: number): number[] {
  if (value < 191) return [value + 1];
  const rest = value - 191;
  return [192 + (rest % 64), Math.floor(rest / 64) + 1];
}

describe("classes of HotSpot", () => {
  for (const hasStream of [false, true]) {
    it(`are found by name with their fields, ${hasStream ? "as a stream" : "as rows"}`, async () => {
      const vm = new FakeVm(hasStream);
      vm.load("java/lang/Object", {});
      const task = vm.load("java/util/concurrent/FutureTask", { state: 12, callable: 16, runner: 24, far: 1000 });
      vm.load("java/util/concurrent/FutureTask2", { runner: 28 });
      const classes = new LoadedClasses(vm.structs, new Set(["java/util/concurrent/FutureTask", "absent"]));
      await classes.look(vm.view());
      assert.deepEqual([...classes.found.keys()], ["java/util/concurrent/FutureTask"]);
      const found = classes.found.get("java/util/concurrent/FutureTask")!;
      assert.equal(found.address, task);
      assert.equal(found.sizeBytes, 40);
      assert.deepEqual(Object.fromEntries(found.fields), { state: 12, callable: 16, runner: 24, far: 1000 });
    });
  }

  it("that are loaded later are found by the next look", async () => {
    const vm = new FakeVm(true);
    vm.load("java/lang/Object", {});
    const classes = new LoadedClasses(vm.structs, new Set(["a/B"]));
    await classes.look(vm.view());
    assert.equal(classes.found.size, 0);
    const address = vm.load("a/B", { field: 8 });
    vm.load("a/C", {});
    await classes.look(vm.view());
    assert.equal(classes.found.get("a/B")?.address, address);
  });

  it("are not looked for where memory can't be read", async () => {
    const vm = new FakeVm(true);
    const nothing = { memory: async () => new Uint8Array() } as unknown as ProcessView;
    const classes = new LoadedClasses(vm.structs, new Set(["a/B"]));
    await assert.rejects(classes.look(nothing), RangeError);
    assert.equal(classes.found.size, 0);
  });
});
