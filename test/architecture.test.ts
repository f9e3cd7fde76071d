/** What holds for the repository as a whole and no compiler checks. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Hand-written files that may pass the limit, and why. */
const LONG_FILES = new Map<string, string>([]);
const MAX_LINES = 400;

/** A path of one developer's machine, or a host that only it can reach, has no place in what is committed. */
const MACHINE_PATHS = /(?<![\w.$}])\/(?:work|home\/\w+|root|Users\/\w+)\/[\w.-]/;

const committed = execFileSync("git", ["ls-files", "-z"], { encoding: "utf8", maxBuffer: 1 << 26 })
  .split("\0")
  .filter((path) => path !== "" && existsSync(path));
const sources = committed.filter((path) => /^(src|test|scripts|bench|bpf)\/.*\.(ts|c|h)$/.test(path));
const isGenerated = (path: string): boolean => path.endsWith(".gen.ts");

/** `code = "A_B"`, and the members of a constant object whose name ends in Code. */
function codesOf(source: string): string[] {
  const objects = [...source.matchAll(/const \w+Code = \{([^}]*)\} as const/g)].map((match) => match[1] ?? "");
  const members = objects.flatMap((body) => [...body.matchAll(/: "([A-Z0-9_]+)"/g)]);
  const fields = [...source.matchAll(/\bcode(?:: string)? = "([A-Z0-9_]+)"/g)];
  return [...fields, ...members].map((match) => match[1] ?? "");
}

/** `path#name` of all that the sources import of one another; `path#*` where a whole module is loaded. */
function importedNames(): Set<string> {
  const imported = new Set<string>();
  for (const path of sources.filter((each) => each.endsWith(".ts"))) {
    const text = readFileSync(path, "utf8");
    const target = (specifier: string): string => join(dirname(path), specifier);
    for (const [, names = "", specifier = ""] of text.matchAll(
      /^(?:import|export) (?:type )?\{([^}]*)\} from "(\.[^"]+)"/gm,
    )) {
      for (const name of names.split(",")) {
        imported.add(
          `${target(specifier)}#${name
            .replace(/^\s*(?:type )?/, "")
            .replace(/ as .*/s, "")
            .trim()}`,
        );
      }
    }
    for (const [, specifier = ""] of text.matchAll(/(?:import\(|import \* as \w+ from )"(\.[^"]+)"/g)) {
      imported.add(`${target(specifier)}#*`);
    }
  }
  return imported;
}

describe("architecture", () => {
  it("keeps files short", () => {
    const long = sources
      .filter((path) => !isGenerated(path) && !LONG_FILES.has(path))
      .map((path) => ({ path, lines: readFileSync(path, "utf8").split("\n").length - 1 }))
      .filter(({ lines }) => lines > MAX_LINES);
    assert.deepEqual(long, []);
    assert.deepEqual(
      [...LONG_FILES.keys()].filter((path) => !existsSync(path)),
      [],
    );
  });

  it("says at the head of each file what it is", () => {
    const silent = sources
      .filter((path) => /^src\/.*\.ts$|^bpf\//.test(path) && !isGenerated(path) && !path.endsWith(".d.ts"))
      .filter((path) => {
        const [head = ""] = readFileSync(path, "utf8").split(
          /^(?:export |abstract |async )*(?:class|function|interface|type|const|#ifndef) /m,
        );
        return !/\/\*(?![^*]*SPDX)[\s\S]*?\*\//.test(head);
      });
    assert.deepEqual(silent, []);
  });

  it("exports nothing that no other file imports", () => {
    const imported = importedNames();
    const unused = sources
      .filter((path) => /^src\/.*\.ts$/.test(path) && !isGenerated(path) && !imported.has(`${path}#*`))
      .flatMap((path) => {
        const exported = readFileSync(path, "utf8").matchAll(
          /^export (?:abstract |async )*(?:class|function\*?|interface|type|const|let) (\w+)/gm,
        );
        return [...new Set([...exported].map((match) => `${path}#${match[1]}`))];
      })
      .filter((name) => !imported.has(name));
    assert.deepEqual(unused, []);
  });

  it("lists every error code in docs/errors.md, sorted, and none that is gone", () => {
    const codes = sources
      .filter((path) => path.startsWith("src/"))
      .flatMap((path) => codesOf(readFileSync(path, "utf8")));
    const documented = [...readFileSync("docs/errors.md", "utf8").matchAll(/^\| `?([A-Z0-9_]+)`? \|/gm)].map(
      (match) => match[1] ?? "",
    );
    assert.deepEqual(documented, [...new Set(codes)].sort());
  });

  it("names no path of a developer's machine", () => {
    const found = committed
      .filter((path) => /\.(ts|c|h|json|ya?ml|md|bash|sh|py|go|txt|lst)$|^[^.]*$/.test(path))
      .flatMap((path) =>
        readFileSync(path, "utf8")
          .split("\n")
          .map((line, index) => ({ at: `${path}:${index + 1}`, line }))
          .filter(({ line }) => MACHINE_PATHS.test(line)),
      );
    assert.deepEqual(found, []);
  });

  it("locks every package with its integrity and without a registry's address", () => {
    const lock: { packages: Record<string, { resolved?: string; optionalDependencies?: Record<string, string> }> } =
      JSON.parse(readFileSync("package-lock.json", "utf8"));
    const entries = Object.entries(lock.packages);
    assert.deepEqual(
      entries.filter(([, { resolved }]) => resolved !== undefined).map(([name]) => name),
      [],
    );
    // npm drops the entries of platforms that it could not look up, and then refuses the lock in `npm ci`.
    const optional = entries.flatMap(([, entry]) => Object.keys(entry.optionalDependencies ?? {}));
    assert.deepEqual(
      optional.filter((name) => !entries.some(([path]) => path.endsWith(`node_modules/${name}`))),
      [],
    );
  });
});
