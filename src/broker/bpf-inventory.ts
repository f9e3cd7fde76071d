/** `bpf maps` and `bpf stats`: of what is loaded here, and of the objects where nothing is. */
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { countRunTime, mapTypeName, mapUse, programUse } from "../bpf/inventory.ts";
import { BpfObject } from "../bpf/object.ts";
import type { BpfMapInfo, BpfProgramInfo } from "../ipc/control-answers.ts";

const SUFFIX = ".bpf.o";

/** What the kernel was given. */
export function programsOfObject(object: BpfObject): BpfProgramInfo[] {
  return object.selectedPrograms.map((program) => ({
    object: object.name,
    program,
    section: object.programs.get(program) ?? "",
    ...programUse(object, program),
  }));
}

export function mapsOfObject(object: BpfObject): BpfMapInfo[] {
  return object.mapNames.map((name) => {
    const map = object.map(name);
    return { ...definition(object, name), ...mapUse(map) };
  });
}

/** Until it is disposed of, `runs` and `runTimeNs` grow. @throws BpfError */
export function countProgramRuns(): Disposable {
  return countRunTime();
}

/** As they are defined; a configuration may size them otherwise, and nothing is in the kernel. */
export function definedMaps(folder: string): BpfMapInfo[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(SUFFIX))
    .flatMap((file) => {
      using object = BpfObject.open(basename(file, SUFFIX), readFileSync(`${folder}/${file}`));
      return object.mapNames.map((name) => ({
        ...definition(object, name),
        entries: undefined,
        isEntriesCut: false,
        memoryBytes: undefined,
      }));
    });
}

function definition(object: BpfObject, name: string) {
  const { type, keySizeBytes, valueSizeBytes, maxEntries } = object.map(name).descriptor;
  return { object: object.name, map: name, type: mapTypeName(type), keySizeBytes, valueSizeBytes, maxEntries };
}
