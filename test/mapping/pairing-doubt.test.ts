import assert from "node:assert/strict";
import { PairingDoubt } from "../../src/mapping/pairing-doubt.ts";

const MS = 1_000_000;

/** A connection after a gap, as one letter per message, `?` asks and `!` answers, and a number: a pause of so many ms. */
class Talk {
  readonly doubt = new PairingDoubt();
  #pauseNs = 0;

  constructor() {
    this.doubt.arise();
  }

  /** @returns of the requests, whether their answers are known: `y` or `n` */
  hears(text: string): string {
    let known = "";
    for (const [part] of text.matchAll(/\d+|[?!]/g)) {
      if (part === "?") known += this.doubt.asks(this.#pauseNs) ? "y" : "n";
      else if (part === "!") this.doubt.answers(this.#pauseNs);
      this.#pauseNs = part === "?" || part === "!" ? 0 : this.#pauseNs + Number(part) * MS;
    }
    return known;
  }
}

describe("the pairing of answers without ids, after a gap", () => {
  it("is as sure as it was before where nothing was lost", () => {
    assert.equal(new PairingDoubt().asks(MS), true);
  });

  it("is sure again when both ends have been quiet for a second", () => {
    assert.equal(new Talk().hears("?!?? 999 ? 1000 ?"), "nnnny");
  });

  it("is sure again when three rounds in a row, pause to pause, had as many answers as requests", () => {
    assert.equal(new Talk().hears("??! 5 ???!!! 5 ??!! 5 ?!?! 5 ??"), "nn nnn nn nn yy".replaceAll(" ", ""));
  });

  it("stays unsure on a connection that never pauses", () => {
    assert.doesNotMatch(new Talk().hears("???!?!?!? 1 !?!?!! 1 ??!!".repeat(50)), /y/);
  });

  it("stays unsure where an answer comes first behind the pause: its request was open", () => {
    assert.doesNotMatch(new Talk().hears("?? 5 ! 5 !".repeat(50)), /y/);
    assert.doesNotMatch(new Talk().hears("? ?! 5 !?!? 5 !".repeat(50)), /y/);
  });

  it("stays unsure where a pause follows a request: somebody waits", () => {
    assert.doesNotMatch(new Talk().hears("?!? 5 !".repeat(50)), /y/);
  });

  it("stays unsure where a window of requests is always open, and who asks thinks for a while after each answer", () => {
    assert.doesNotMatch(new Talk().hears("? 7 ! 3".repeat(50)), /y/);
  });

  it("begins again with the next gap", () => {
    const talk = new Talk();
    talk.hears("?! 5 ?! 5 ?! 5");
    talk.doubt.arise();
    assert.equal(talk.hears("?! 5 ?! 5 ?! 5 ?! 5 ?"), "nnnny");
  });
});
