/** Patterns that users write: RE2 syntax, matched in linear time whatever the text of a traced program is. */
import { RE2JS } from "re2js";
import { z } from "zod";

export const pattern = z.string().refine((text) => tryCompile(text) !== undefined, {
  message: "not a regular expression of RE2's syntax",
});

/** Matches anywhere in the text; anchors are the user's. */
export class Pattern {
  readonly #compiled: RE2JS;

  constructor(text: string) {
    this.#compiled = RE2JS.compile(text);
  }

  matches(text: string): boolean {
    return this.#compiled.matcher(text).find();
  }

  replaceAll(text: string, replacement: string): string {
    return this.#compiled.matcher(text).replaceAll(replacement);
  }
}

function tryCompile(text: string): RE2JS | undefined {
  try {
    return RE2JS.compile(text);
  } catch {
    return undefined;
  }
}
