import { equal } from "node:assert/strict";
import { FRAME_LAYOUTS } from "../../../src/receiver/runtimes/cpython-layout.ts";
import type { ProcessView } from "../../../src/receiver/runtimes/process-view.ts";
import { PyOffset, PythonObjects } from "../../../src/receiver/runtimes/python-objects.ts";
import { memoryOf } from "../../support/memory-image.ts";

const BASE = 0x10_0000;
const [TUPLE, CODE, NAMES, OBJECT] = [BASE, BASE + 0x100, BASE + 0x200, BASE + 0x300];

describe("PythonObjects", () => {
  it("takes no type for another one when the object is replaced between two reads", async () => {
    const bytes = Buffer.alloc(0x400);
    const layout = FRAME_LAYOUTS.get("3.12")!;
    const put = (address: number, value: number) => bytes.writeBigUInt64LE(BigInt(value), address - BASE);
    put(TUPLE + PyOffset.typeName, NAMES);
    bytes.write("tuple\0", NAMES - BASE);
    put(CODE + PyOffset.typeName, NAMES + 16);
    bytes.write("code\0", NAMES + 16 - BASE);
    bytes.writeInt32LE(40, OBJECT - BASE + layout.frameSize!);
    put(OBJECT + PyOffset.type, TUPLE);
    const image = memoryOf(bytes, BASE);
    const process = {
      memory: async (address: number, lengthBytes: number) => {
        const read = Uint8Array.from(await image.memory(address, lengthBytes));
        if (address === OBJECT) put(OBJECT + PyOffset.type, CODE);
        return read;
      },
    } as unknown as ProcessView;
    const objects = new PythonObjects(process, layout);
    equal(await objects.code(OBJECT), undefined, "a tuple");
    equal((await objects.code(OBJECT))?.address, OBJECT, "the code that came after it");
  });
});
