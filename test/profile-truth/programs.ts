/** The programs whose truth is known: what compiles each, and how it is started. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** npm runs everything from the package's folder. */
const SOURCES = "test/profile-truth/programs";

export interface ProfileProgram {
  readonly name: string;
  /** `shares`: runs for ever; `serve`: takes a port and a file for its truth. */
  readonly kind: "shares" | "serve";
  /** Native code: nearly all of its stacks have to be complete. */
  readonly isNative: boolean;
  /** undefined: what it needs is not on this machine. */
  command(folder: string): readonly string[] | undefined;
}

const compiled = (name: string, tool: string, args: (output: string) => readonly string[]) => (folder: string) => {
  const found = which(tool);
  if (found === undefined) return undefined;
  mkdirSync(folder, { recursive: true });
  const output = join(folder, name);
  execFileSync(found, args(output), { stdio: ["ignore", "ignore", "inherit"] });
  return [output];
};

const source = (name: string) => join(SOURCES, name);
const native = { kind: "shares", isNative: true } as const;
const server = { kind: "serve", isNative: true } as const;

const python = (version: string) => ({
  name: `python${version}`,
  kind: "shares" as const,
  isNative: false,
  command: () => {
    const found = pythonOf(version);
    return found === undefined ? undefined : [found, source("shares.py")];
  },
});

/** What is put into its caller has no frame of its own. */
const KEPT_APART = [
  "-XX:CompileCommand=quiet",
  ...["heavy", "light"].map((name) => `-XX:CompileCommand=dontinline,Shares::${name}`),
];

const java = (name: string, ...flags: string[]) => ({
  name,
  kind: "shares" as const,
  isNative: false,
  command: () => {
    const found = which("java");
    return found === undefined ? undefined : [found, ...KEPT_APART, ...flags, source("Shares.java")];
  },
});

export const PROGRAMS: readonly ProfileProgram[] = [
  {
    ...native,
    name: "c",
    command: compiled("c", "gcc", (output) => ["-O2", "-fomit-frame-pointer", "-o", output, source("shares.c")]),
  },
  {
    ...native,
    name: "c++",
    command: compiled("cc", "g++", (output) => ["-O2", "-fomit-frame-pointer", "-o", output, source("shares.cc")]),
  },
  { ...native, name: "rust", command: compiled("rs", "rustc", (output) => ["-O", "-o", output, source("shares.rs")]) },
  { ...native, name: "go", command: compiled("go", "go", (output) => ["build", "-o", output, source("shares.go")]) },
  {
    ...native,
    name: "go-stripped",
    command: compiled("gos", "go", (output) => ["build", "-ldflags=-s -w", "-o", output, source("shares.go")]),
  },
  {
    name: "node",
    kind: "shares",
    isNative: false,
    command: () => [process.execPath, source("shares.mjs")],
  },
  {
    name: "node-perf-map",
    kind: "shares",
    isNative: false,
    command: () => [
      process.execPath,
      "--perf-basic-prof",
      "--no-logfile-per-isolate",
      "--logfile=/dev/null",
      source("shares.mjs"),
    ],
  },
  java("java"),
  java("java-frame-pointers", "-XX:+PreserveFramePointer"),
  python("3.11"),
  python("3.12"),
  python("3.13"),
  {
    ...server,
    name: "serve-threads",
    command: compiled("serve-c", "gcc", (output) => [
      "-O2",
      "-fomit-frame-pointer",
      "-o",
      output,
      source("serve.c"),
      "-lpthread",
    ]),
  },
  {
    ...server,
    name: "serve-go",
    command: compiled("serve-go", "go", (output) => ["build", "-o", output, source("serve.go")]),
  },
  {
    ...server,
    name: "serve-node",
    isNative: false,
    command: () => [process.execPath, source("serve.mjs")],
  },
];

/** Where the toolchains' own installers put them, beside the PATH. */
const FOLDERS = [...(process.env["PATH"] ?? "").split(":"), "/usr/local/go/bin", join(homedir(), ".cargo/bin")];

export function which(tool: string): string | undefined {
  return FOLDERS.map((folder) => join(folder, tool)).find((path) => existsSync(path));
}

/** Of the system, or of pyenv; a shim would be another process first. */
function pythonOf(version: string): string | undefined {
  const system = `/usr/bin/python${version}`;
  if (existsSync(system)) return system;
  try {
    const prefix = execFileSync("pyenv", ["prefix", version], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const found = join(prefix.trim(), "bin", `python${version}`);
    return existsSync(found) ? found : undefined;
  } catch {
    return undefined;
  }
}
