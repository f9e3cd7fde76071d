import { COMPILED } from "./compiled.ts";
import { GO } from "./go.ts";
import { JAVA } from "./java.ts";
import { JAVA_FRAMEWORKS } from "./java-frameworks.ts";
import { NODE } from "./node.ts";
import type { Program } from "./program.ts";
import { PROXIES } from "./proxies.ts";
import { PYTHON } from "./python.ts";
import { SERVERS } from "./servers.ts";

/** All programs under test, in the order of the table. */
export const CATALOGUE: readonly Program[] = [
  ...SERVERS,
  ...PROXIES,
  ...NODE,
  ...PYTHON,
  ...COMPILED,
  ...GO,
  ...JAVA,
  ...JAVA_FRAMEWORKS,
];
