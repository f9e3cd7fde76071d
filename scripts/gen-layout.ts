/**
 * Writes src/bpf/layout.gen.ts from the BTF of the objects in build/bpf: types, decoders of what crosses the ring
 * buffers, encoders of what user space tells the programs, and the sizes and offsets that the loader compares.
 *
 *     node build/scripts/gen-layout.js [--check]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { Btf } from "../src/bpf/btf.ts";
import { elfSection } from "./layout/elf-section.ts";
import { layoutSource, OBJECTS } from "./layout/source.ts";

const FOLDER = "build/bpf";
const TARGET = "src/bpf/layout.gen.ts";

const source = layoutSource(OBJECTS.map(({ object }) => btfOf(`${FOLDER}/${object}`)));
if (process.argv.includes("--check")) {
  if (readFileSync(TARGET, "utf8") !== source) {
    process.stderr.write(`${TARGET} does not fit ${FOLDER}: run npm run layout\n`);
    process.exitCode = 1;
  }
} else {
  writeFileSync(TARGET, source);
}

function btfOf(path: string): Btf {
  const section = elfSection(readFileSync(path), ".BTF");
  if (section === undefined) throw new Error(`${path} has no .BTF section`);
  return new Btf(section);
}
