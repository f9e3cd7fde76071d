import { loadDialogues } from "../../support/dialogue.ts";
import { fuzzOnce } from "../../support/fuzz.ts";

const RUNS = 1500;

describe("fuzzer", () => {
  it(`survives ${RUNS} damaged dialogues`, () => {
    const dialogues = loadDialogues();
    for (let seed = 1; seed <= RUNS; seed++) {
      try {
        fuzzOnce(dialogues, seed);
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  }).timeout(60_000);
});
