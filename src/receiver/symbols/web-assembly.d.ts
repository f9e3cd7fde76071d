/** What demangle.ts uses of the WebAssembly API (https://webassembly.github.io/spec/js-api/), which is in no library of ours. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports: Record<string, unknown>);
    readonly exports: unknown;
  }
}

/** The package's own types are for bundlers that load .wasm files by themselves. */
declare module "gecko-profiler-demangle/index_bg.js" {
  export function __wbg_set_wasm(exports: unknown): void;
  export function __wbindgen_init_externref_table(): void;
  export function demangle_any(name: string): string;
}
