/** Where the files of this package lie, as it is installed. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** From build/src/service. */
const ROOT = new URL("../../../", import.meta.url);

export const defaultConfigPath = fileURLToPath(new URL("otel-config.yaml", ROOT));
export const programPath = fileURLToPath(new URL("bin/sockspan", ROOT));
export const bpfFolder = fileURLToPath(new URL("build/bpf/", ROOT));
export const workerEntry = fileURLToPath(new URL("build/src/service/worker.js", ROOT));

export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL("package.json", ROOT), "utf8")) as { version: string };
  return version;
}
