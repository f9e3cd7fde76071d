/** Where the code of one process lies, from what the reader says of it. */
import type { OpenedFile, ProcessImages } from "../../ipc/messages.ts";
import { parseMappings } from "../runtimes/parse-mappings.ts";

export interface CodeMapping {
  readonly start: number;
  readonly end: number;
  readonly fileOffset: number;
  /** As the process sees it; "" for memory without a file. */
  readonly path: string;
  readonly file: OpenedFile | undefined;
  /** Why there is no file: `none`, `replaced`; undefined for memory without one. */
  readonly refused: string | undefined;
}

export class ProcessMap {
  readonly runtime: string;
  readonly #mappings: readonly CodeMapping[];

  constructor({ mappings, images }: ProcessImages) {
    const byStart = new Map(images.map((image) => [Number.parseInt(image.start, 16), image]));
    this.#mappings = parseMappings(mappings)
      .filter(({ isExecutable }) => isExecutable)
      .map(({ start, end, fileOffset, path }) => {
        const image = byStart.get(start);
        const file = image !== undefined && "file" in image ? image : undefined;
        const refused = image !== undefined && "refused" in image ? image.refused : undefined;
        return { start, end, fileOffset, path, file, refused };
      });
    this.runtime = runtimeOf(this.#mappings);
  }

  /** The kernel lists mappings in order. */
  mappingAt(address: number): CodeMapping | undefined {
    let low = 0;
    let high = this.#mappings.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#mappings[middle]!.start <= address) low = middle + 1;
      else high = middle;
    }
    const mapping = this.#mappings[low - 1];
    return mapping !== undefined && address < mapping.end ? mapping : undefined;
  }
}

const RUNTIMES: readonly [RegExp, string][] = [
  [/^libjvm\.so/, "jvm"],
  [/^libcoreclr\.so/, "dotnet"],
  [/^(?:node|nodejs|libnode\.so.*|electron)$/, "v8js"],
  [/^beam\.smp$/, "beam"],
  [/^(?:ruby|libruby).*/, "ruby"],
  [/^(?:luajit|libluajit).*/, "luajit"],
  [/^(?:php|php-fpm|libphp).*/, "php"],
];

/** Whose code the memory without a file is: profile.frame.type. */
function runtimeOf(mappings: readonly CodeMapping[]): string {
  for (const { path } of mappings) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    const found = RUNTIMES.find(([pattern]) => pattern.test(name));
    if (found !== undefined) return found[1];
  }
  return "native";
}
