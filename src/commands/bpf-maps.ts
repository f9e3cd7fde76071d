/** `bpf maps`: what is kept in the kernel, of what runs here; else as it is defined. */
import { definedMaps } from "../broker/bpf-inventory.ts";
import { type ListedMap, mapRows } from "../service/command-line/bpf-tables.ts";
import { bpfAnswers } from "../service/command-line/running.ts";
import { table } from "../service/command-line/table.ts";
import { NotRunningError } from "../service/error.ts";
import { bpfFolder } from "../service/package-paths.ts";

export async function bpfMaps({ format }: { readonly format: "text" | "json" }): Promise<void> {
  const maps = await listedMaps();
  process.stdout.write(
    format === "json" ? maps.map((map) => `${JSON.stringify(map)}\n`).join("") : table(mapRows(maps)),
  );
}

async function listedMaps(): Promise<readonly ListedMap[]> {
  try {
    const answers = await bpfAnswers();
    return answers.flatMap(({ pid, maps }) => maps.map((map) => ({ pid, ...map })));
  } catch (error) {
    if (!(error instanceof NotRunningError)) throw error;
    process.stderr.write(`${error.message}: maps as they are defined, before a configuration sizes them\n`);
    return definedMaps(bpfFolder).map((map) => ({ pid: undefined, ...map }));
  }
}
