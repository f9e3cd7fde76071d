import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { elfSection } from "../../scripts/layout/elf-section.ts";
import { layoutSource, OBJECTS } from "../../scripts/layout/source.ts";
import { Btf } from "../../src/bpf/btf.ts";
import { decodeSocketDataEvent, LAYOUT, ProcessFilter } from "../../src/bpf/layout.gen.ts";
import { NO_PLAN, processControlBytes } from "../../src/broker/capture/control.ts";

const OBJECT = "build/bpf/socket_trace.bpf.o";
const section = elfSection(readFileSync(OBJECT), ".BTF")!;

describe("the BTF of the capture object", () => {
  it("names structs with their sizes and offsets", () => {
    const event = new Btf(section).struct("socket_data_event")!;
    assert.equal(event.sizeBytes, LAYOUT.socket_data_event.sizeBytes);
    const offset = event.members.find((member) => member.name === "stream_offset")?.offsetBytes;
    assert.equal(offset, LAYOUT.socket_data_event.offsets.stream_offset);
    assert.equal(new Btf(section).struct("no_such_struct"), undefined);
  });

  it("resolves typedefs and sizes of arrays", () => {
    const btf = new Btf(section);
    const comm = btf.struct("socket_data_event")!.members.find((member) => member.name === "comm")!;
    assert.equal(btf.sizeBytes(comm.type), 16);
    assert.equal(btf.resolve(btf.struct("event_header")!.members[0]!.type).kind, "int");
  });

  it("names enums with their values", () => {
    assert.equal(new Btf(section).enum("direction")?.get("DIRECTION_EGRESS"), 2);
  });

  it("is what the generated layout was made from", () => {
    const btfs = OBJECTS.map(({ object }) => new Btf(elfSection(readFileSync(`build/bpf/${object}`), ".BTF")!));
    assert.equal(layoutSource(btfs), readFileSync("src/bpf/layout.gen.ts", "utf8"));
  });

  it("refuses what is not BTF", () => {
    assert.throws(() => new Btf(new Uint8Array(64)), RangeError);
    assert.throws(() => new Btf(section.slice(0, 100)), RangeError);
  });
});

describe("the generated decoders", () => {
  it("read each field where the layout says, u64 as exact numbers", () => {
    const view = new DataView(new ArrayBuffer(8 + LAYOUT.socket_data_event.sizeBytes));
    const { offsets } = LAYOUT.socket_data_event;
    view.setBigUint64(8 + offsets.stream_offset, 2n ** 40n + 7n, true);
    view.setUint16(8 + offsets.tuple + LAYOUT.socket_tuple.offsets.remote_port, 8080, true);
    view.setUint8(8 + offsets.comm + 1, 0x61);
    const event = decodeSocketDataEvent(view, 8);
    assert.equal(event.streamOffset, 2 ** 40 + 7);
    assert.equal(event.tuple.remotePort, 8080);
    assert.equal(event.comm[1], 0x61);
    assert.equal(event.comm.buffer, view.buffer, "a view, not a copy");
  });

  it("write negative operands of steps", () => {
    const bytes = processControlBytes(ProcessFilter.none, { ...NO_PLAN, steps: [{ kind: 1, operand: -16 }] });
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    assert.equal(view.getBigInt64(LAYOUT.process_control.offsets.steps, true), -16n);
  });
});
