/** The scripts of the pages, from this package and from preact's: nothing comes from elsewhere. Read once, at the start. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const OWN = ["flame-app", "flame-chart", "flame-layout", "flame-toolbar", "dom"];

export type Assets = ReadonlyMap<string, string>;

/** By the path that a browser asks for. */
export function loadAssets(): Assets {
  const assets = new Map<string, string>();
  for (const name of OWN) {
    const source = readFileSync(new URL(`./browser/${name}.js`, import.meta.url), "utf8");
    // A browser knows no packages.
    assets.set(`/assets/${name}.js`, withoutMap(source).replace(/(from\s*)"preact"/g, '$1"./preact.js"'));
  }
  assets.set("/assets/preact.js", withoutMap(readFileSync(fileURLToPath(import.meta.resolve("preact")), "utf8")));
  return assets;
}

function withoutMap(source: string): string {
  return source.replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n");
}
