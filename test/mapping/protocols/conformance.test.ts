import assert from "node:assert/strict";
import { PROTOCOLS } from "../../../src/mapping/protocols/registry.ts";
import { loadDialogues } from "../../support/dialogue.ts";
import { conformance, noiseConformance } from "./conformance.ts";

const dialogues = loadDialogues();

describe("every protocol", () => {
  noiseConformance();

  it("has dialogues", () => {
    for (const { name } of PROTOCOLS) {
      assert.ok(
        dialogues.some(({ protocol }) => protocol === name),
        `${name} has no folder in test/mapping/protocols/fixtures`,
      );
    }
  });

  for (const dialogue of dialogues) {
    describe(`${dialogue.protocol}: ${dialogue.name}`, () => conformance(dialogue));
  }
});
