/**
 * Writes src/bpf/layout.gen.ts from the BTF of build/bpf/socket_trace.bpf.o: types, decoders of what crosses the ring
 * buffer, encoders of what user space tells the programs, and the sizes and offsets that the loader compares.
 *
 *     node build/scripts/gen-layout.js [--check]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { Btf } from "../src/bpf/btf.ts";
import { elfSection } from "./layout/elf-section.ts";
import { layoutSource } from "./layout/source.ts";

const OBJECT = "build/bpf/socket_trace.bpf.o";
const TARGET = "src/bpf/layout.gen.ts";

const section = elfSection(readFileSync(OBJECT), ".BTF");
if (section === undefined) throw new Error(`${OBJECT} has no .BTF section`);
const source = layoutSource(new Btf(section));
if (process.argv.includes("--check")) {
  if (readFileSync(TARGET, "utf8") !== source) {
    process.stderr.write(`${TARGET} does not fit ${OBJECT}: run npm run layout\n`);
    process.exitCode = 1;
  }
} else {
  writeFileSync(TARGET, source);
}
