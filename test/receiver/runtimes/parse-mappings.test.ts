import assert from "node:assert/strict";
import { parseMappings } from "../../../src/receiver/runtimes/parse-mappings.ts";

describe("parseMappings", () => {
  it("reads ranges, rights, offsets and paths, also with spaces and of deleted files", () => {
    const text = `55d0c0000000-55d0c0021000 r-xp 00002000 fe:00 1234                       /opt/my app/bin
7f0000000000-7f0000001000 rw-p 00000000 00:00 0 
7f1000000000-7f1000001000 r--p 00001000 fe:00 99 /usr/lib/libx.so (deleted)
not a mapping
`;
    assert.deepEqual(parseMappings(text), [
      {
        start: 0x55d0c0000000,
        end: 0x55d0c0021000,
        isWritable: false,
        isExecutable: true,
        fileOffset: 0x2000,
        inode: "fe:00 1234",
        path: "/opt/my app/bin",
      },
      {
        start: 0x7f0000000000,
        end: 0x7f0000001000,
        isWritable: true,
        isExecutable: false,
        fileOffset: 0,
        inode: "00:00 0",
        path: "",
      },
      {
        start: 0x7f1000000000,
        end: 0x7f1000001000,
        isWritable: false,
        isExecutable: false,
        fileOffset: 0x1000,
        inode: "fe:00 99",
        path: "/usr/lib/libx.so",
      },
    ]);
  });
});
