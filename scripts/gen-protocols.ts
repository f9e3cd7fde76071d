/** Writes docs/protocols.md. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { protocolsPage } from "./protocols-page.ts";

writeFileSync(join(process.cwd(), "docs/protocols.md"), protocolsPage(process.cwd()));
