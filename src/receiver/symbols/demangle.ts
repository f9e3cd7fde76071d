/**
 * C++ (Itanium ABI) and Rust (legacy and v0) names for people. Names are bytes of strangers: the demanglers are Rust's
 * cpp_demangle and rustc-demangle in WebAssembly, so the worst that a name can do is to trap.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import * as glue from "gecko-profiler-demangle/index_bg.js";

/** Templates can grow without end; nobody reads more. */
const NAME_LIMIT_CHARACTERS = 1024;
const MANGLED_LIMIT_CHARACTERS = 8192;

let compiled: WebAssembly.Module | undefined;
let isStarted = false;

/** Reads the code from disk: once, before privileges go. */
export function loadDemangler(): void {
  const path = createRequire(import.meta.url).resolve("gecko-profiler-demangle/index_bg.wasm");
  compiled ??= new WebAssembly.Module(readFileSync(path));
}

function start(): void {
  if (compiled === undefined) loadDemangler();
  const instance = new WebAssembly.Instance(compiled!, { "./index_bg.js": glue });
  glue.__wbg_set_wasm(instance.exports);
  isStarted = true;
}

type NameLanguage = "cpp" | "rust" | undefined;

/** Of a mangled name; undefined for all others. Legacy Rust names are C++ names that end with a hash. */
export function languageOf(mangled: string): NameLanguage {
  if (/^_R[A-Z]/.test(mangled) || /^_ZN.*17h[0-9a-f]{16}E/.test(mangled)) return "rust";
  return mangled.startsWith("_Z") ? "cpp" : undefined;
}

/** What can't be demangled stays as it is. */
export function demangle(mangled: string): string {
  if (languageOf(mangled) === undefined || mangled.length > MANGLED_LIMIT_CHARACTERS) return bounded(mangled);
  try {
    if (!isStarted) start();
    // GCC's and LLVM's clones: `name.constprop.0`, `name.cold`, written as c++filt(1) does.
    const [, stem = mangled, clone = ""] =
      /^(.*?)((?:\.(?:cold|part|constprop|isra|lto_priv|llvm)(?:\.\d+)?)+)$/.exec(mangled) ?? [];
    const name = glue.demangle_any(stem);
    // It takes the first underscore for a linker's prefix and gives the rest back.
    if (name === "" || `_${name}` === stem) return bounded(mangled);
    return bounded(clone === "" ? name : `${name} [clone ${clone}]`);
  } catch {
    isStarted = false;
    return bounded(mangled);
  }
}

function bounded(name: string): string {
  return name.length > NAME_LIMIT_CHARACTERS ? `${name.slice(0, NAME_LIMIT_CHARACTERS - 1)}…` : name;
}
