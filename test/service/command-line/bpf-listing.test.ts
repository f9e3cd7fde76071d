import assert from "node:assert/strict";
import { parseListing } from "../../../src/service/command-line/bpf-listing.ts";

const TEXT = `
x.bpf.o:\tfile format elf64-bpf

Disassembly of section tp_btf/one:

0000000000000000 <trace_one>:
       0:\tr1 = 0
       1:\tgoto +1 <LBB0_2>

0000000000000010 <LBB0_2>:
       2:\texit

Disassembly of section fentry/two:

0000000000000000 <enter_two>:
       0:\texit
`;

describe("BPF listing", () => {
  it("finds programs, sections and instructions", () => {
    const found = parseListing("x", TEXT);
    assert.deepEqual(
      found.map(({ program, section, instructions }) => [program, section, instructions]),
      [
        ["trace_one", "tp_btf/one", 3],
        ["enter_two", "fentry/two", 1],
      ],
    );
    assert.equal(found[1]?.text.join("\n"), "0000000000000000 <enter_two>:\n       0:\texit");
  });
});
