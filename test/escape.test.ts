import assert from "node:assert/strict";
import { escapeHtml, escapeText } from "../src/escape.ts";

describe("escape", () => {
  it("takes escape sequences and forged lines out of a text", () => {
    assert.equal(escapeText("a\u001b[31mred\nINFO forged\r\u009b"), "a\\x1b[31mred\\nINFO forged\\r\\x9b");
  });

  it("shows bidirectional and invisible characters and lone surrogates", () => {
    assert.equal(escapeText("a\u202eb\u200b\ufeff\ud800c\u2028"), "a\\u{202e}b\\u{200b}\\u{feff}\\u{d800}c\\u{2028}");
  });

  it("leaves ordinary text of any language as it is", () => {
    for (const text of ["/größe?q=日本語", "a b\\c", "🙂"]) assert.equal(escapeText(text), text);
  });

  it("cuts long texts", () => {
    assert.equal(escapeText("abcdef", 3), "abc…");
  });

  it("makes HTML text and attributes safe", () => {
    assert.equal(escapeHtml(`<b a="'&\`">\u0000`), "&#60;b a=&#34;&#39;&#38;&#96;&#34;&#62;\\x00");
  });
});
