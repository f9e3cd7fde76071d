/** Small programs in several languages, compiled for a test, and what their own tools say of them. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import type { Scratch } from "../../support/scratch.ts";

export function has(command: string): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${command}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const C = `#include <unistd.h>
__attribute__((noinline)) static int burn_static(int n) { volatile int s = 0; for (int i = 0; i < n; i++) s += i; return s; }
__attribute__((noinline)) int burn_global(int n) { return burn_static(n) + 1; }
int main(void) { write(1, "ready\\n", 6); for (;;) { burn_global(1000); usleep(1000); } }
`;
const CPP = `#include <unistd.h>
#include <string>
#include <vector>
namespace shop { template <typename T> struct Cart { __attribute__((noinline)) T total(const std::vector<T>& items) {
  T sum{}; for (auto& item : items) sum += item; asm volatile("" :: "m"(sum)); return sum; } }; }
int main() { write(1, "ready\\n", 6); shop::Cart<double> cart; for (;;) { cart.total({1, 2, 3}); usleep(1000); } }
`;
const RUST = `use std::io::Write;
mod shop { pub struct Cart; impl Cart { #[inline(never)] pub fn total(&self, items: &[u64]) -> u64 {
  std::hint::black_box(items.iter().sum()) } } }
fn main() { print!("ready\\n"); std::io::stdout().flush().unwrap(); loop { shop::Cart.total(&[1, 2, 3]);
  std::thread::sleep(std::time::Duration::from_millis(1)); } }
`;
const GO = `package main
import ("fmt"; "time")
func inlined(x int) int { return x*3 + 1 }
//go:noinline
func Burn(n int) int { s := 0; for i := 0; i < n; i++ { s += inlined(i) ^ 7 }; return s }
func main() { fmt.Println("ready"); for { Burn(1000); time.Sleep(time.Millisecond) } }
`;

export interface Built {
  readonly path: string;
  /** Of its functions, before it was stripped. */
  readonly symbols: ReadonlyMap<string, number>;
}

export function build(scratch: Scratch, language: "c" | "cpp" | "rust" | "go", flags: readonly string[] = []): Built {
  const path = scratch.path(language);
  const source = scratch.path({ c: "a.c", cpp: "a.cpp", rust: "a.rs", go: "a.go" }[language]);
  writeFileSync(source, { c: C, cpp: CPP, rust: RUST, go: GO }[language]);
  const [command, ...args] = {
    c: ["gcc", "-O2", "-fomit-frame-pointer", "-o", path, source, ...flags],
    cpp: ["g++", "-O2", "-o", path, source, ...flags],
    rust: ["rustc", "-O", "-o", path, source, ...flags],
    go: ["go", "build", "-o", path, ...flags, source],
  }[language] as [string, ...string[]];
  execFileSync(command, args, { cwd: scratch.folder, stdio: ["ignore", "ignore", "pipe"] });
  return { path, symbols: namesOf(path) };
}

/** nm(1), or Go's. */
export function namesOf(path: string): Map<string, number> {
  const text = execFileSync("nm", [path], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    maxBuffer: 1 << 28,
  });
  const names = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, address, name] = /^([0-9a-f]+) [tTwW] (.+)$/.exec(line) ?? [];
    if (address !== undefined && name !== undefined) names.set(name, Number.parseInt(address, 16));
  }
  return names;
}

/** What is added to an address of the file: 0 unless it is position-independent. */
export function loadBias(pid: number, path: string): number {
  const line =
    readFileSync(`/proc/${pid}/maps`, "utf8")
      .split("\n")
      .find((each) => each.includes(path)) ?? "";
  const file = readFileSync(path);
  if (file.readUInt16LE(16) !== 3) return 0;
  const headers = Number(file.readBigUInt64LE(32));
  for (let at = headers; at < file.length; at += 56) {
    const PT_LOAD = 1;
    if (file.readUInt32LE(at) === PT_LOAD) return Number.parseInt(line, 16) - Number(file.readBigUInt64LE(at + 16));
  }
  return 0;
}
