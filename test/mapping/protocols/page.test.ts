import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { protocolsPage } from "../../../scripts/protocols-page.ts";

describe("docs/protocols.md", () => {
  it("is what npm run protocols writes", () => {
    const isCurrent = readFileSync("docs/protocols.md", "utf8") === protocolsPage(process.cwd());
    assert.ok(isCurrent, "run `npm run protocols` and commit docs/protocols.md");
  });
});
