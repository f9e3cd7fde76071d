/** Programs whose compilers put functions into others, and what llvm-symbolizer(1) says of their addresses. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import type { Scratch } from "../../support/scratch.ts";

const CPP = `#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>
namespace shop {
namespace { int hidden(int x) { return x * 7 + (x ^ 3); } }
struct Item { int price; int taxed() const { return price + hidden(price); } };
template <typename T> T total(const std::vector<T>& items, int (*f)(int)) {
  T sum{}; for (auto& item : items) sum.price += f(item.taxed()); return sum; }
static inline int twice(int x) { return hidden(x) + hidden(x + 1); }
__attribute__((noinline)) int burn(int n) {
  std::vector<Item> items; for (int i = 0; i < n; i++) items.push_back({twice(i)});
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.taxed() < b.taxed(); });
  return total(items, [](int x) { return twice(x); }).price; }
}
int main(int count, char**) { std::map<std::string, int> all;
  for (int i = 0; i < 100 * count; i++) all[std::to_string(i % 7)] += shop::burn(i);
  for (auto& each : all) printf("%s %d", each.first.c_str(), each.second); }
`;
const RUST = `use std::collections::HashMap;
mod shop { pub struct Item { pub price: u64 }
  impl Item { #[inline] pub fn taxed(&self) -> u64 { self.price + super::hidden(self.price) } } }
#[inline(always)] fn hidden(x: u64) -> u64 { x.wrapping_mul(7) + (x ^ 3) }
#[inline(never)] fn burn(n: u64) -> u64 {
  let mut items: Vec<shop::Item> = (0..n).map(|i| shop::Item { price: hidden(i) }).collect();
  items.sort_by_key(|i| i.taxed() ^ 5); items.iter().map(|i| i.taxed()).fold(0, |a, b| a ^ b) }
fn main() { let mut all = HashMap::new();
  for i in 0..100u64 { *all.entry(i % 7).or_insert(0) += burn(i) & 255; } println!("{:?}", all.len()); }
`;

/** @param compiler `g++`, `clang++`, `rustc` */
export function compile(scratch: Scratch, compiler: string, flags: readonly string[]): string {
  const isRust = compiler === "rustc";
  const source = scratch.path(isRust ? "a.rs" : "a.cpp");
  const path = scratch.path("program");
  writeFileSync(source, isRust ? RUST : CPP);
  const optimised = isRust ? ["-O", "-g"] : ["-O2", "-g"];
  execFileSync(compiler, [...optimised, ...flags, "-o", path, source], { cwd: scratch.folder, stdio: "pipe" });
  return path;
}

export interface Place {
  readonly name: string;
  /** `a.cpp:12`; of a file or line that is not known `?`. */
  readonly place: string;
}

/** The innermost first, for each address. binutils' addr2line(1) takes files of DWARF 5 by the wrong number. */
export function symbolizer(path: string, addresses: readonly number[]): Place[][] {
  const output = execFileSync("llvm-symbolizer", ["--inlines", "-e", path], {
    input: addresses.map((address) => `0x${address.toString(16)}\n`).join(""),
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  return output
    .trimEnd()
    .split("\n\n")
    .map((text) => {
      const lines = text.split("\n");
      return Array.from({ length: lines.length / 2 }, (_, i) => ({
        name: lines[2 * i]!,
        place: placeOf(lines[2 * i + 1]!),
      }));
    });
}

/** `/a/b.cpp:12:5`, `??:0:0`. */
function placeOf(text: string): string {
  const [, file = "??", line = "0"] = /^(.*):(\d+):\d+$/.exec(text) ?? [];
  return file === "??" || line === "0" ? "?" : `${file.slice(file.lastIndexOf("/") + 1)}:${line}`;
}
