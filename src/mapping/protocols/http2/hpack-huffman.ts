/** HPACK's Huffman code (RFC 7541 appendix B), which is canonical: the lengths of its codes say all. */

/** Of the symbols 0 to 255; the end of string has 30 bits. */
// biome-ignore format: a table
const CODE_LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];
const END_OF_STRING = 256;
const END_OF_STRING_BITS = 30;

/** Binary tree: node i has its children at 2i and 2i + 1; a value below zero is a leaf's symbol, as ~symbol. */
const TREE = buildTree();

function buildTree(): Int16Array {
  const lengths = [...CODE_LENGTHS, END_OF_STRING_BITS];
  const tree = new Int16Array(2 * 512);
  let nodes = 1;
  let code = 0;
  for (let length = 1; length <= END_OF_STRING_BITS; length++) {
    code *= 2;
    for (let symbol = 0; symbol <= END_OF_STRING; symbol++) {
      if (lengths[symbol] !== length) continue;
      let node = 0;
      for (let bit = length - 1; bit >= 0; bit--) {
        const slot = node * 2 + (Math.floor(code / 2 ** bit) & 1);
        if (bit === 0) tree[slot] = ~symbol;
        else {
          if (tree[slot] === 0) tree[slot] = nodes++;
          node = tree[slot]!;
        }
      }
      code++;
    }
  }
  return tree;
}

/** Most header characters have 8 bits at most: ROOT[next 8 bits] is symbol << 4 | bits, or 0 for a longer code. */
const ROOT = buildRoot();

function buildRoot(): Uint16Array {
  const root = new Uint16Array(256);
  for (let prefix = 0; prefix < 256; prefix++) {
    let node = 0;
    for (let bit = 7; bit >= 0; bit--) {
      const next = TREE[node * 2 + ((prefix >> bit) & 1)]!;
      if (next < 0) {
        root[prefix] = (~next << 4) | (8 - bit);
        break;
      }
      node = next;
    }
  }
  return root;
}

const OUTPUT = new Uint8Array(16_384);

/** @returns the decoded text, latin1; undefined: not this code */
export function decodeHuffman(bytes: Uint8Array, from: number, to: number): string | undefined {
  let bits = 0;
  let count = 0;
  let at = from;
  let length = 0;
  let node = 0;
  /** Bits since the last symbol. */
  let depth = 0;
  for (;;) {
    while (count < 16 && at < to) {
      bits = ((bits << 8) | bytes[at++]!) & 0xffffff;
      count += 8;
    }
    if (count === 0) break;
    if (node === 0 && count >= 8) {
      const entry = ROOT[(bits >> (count - 8)) & 0xff]!;
      if (entry !== 0) {
        count -= entry & 15;
        if (length < OUTPUT.length) OUTPUT[length++] = entry >> 4;
        continue;
      }
    }
    count--;
    depth++;
    const next = TREE[node * 2 + ((bits >> count) & 1)]!;
    if (next < 0) {
      if (next === ~END_OF_STRING) return undefined;
      if (length < OUTPUT.length) OUTPUT[length++] = ~next;
      node = 0;
      depth = 0;
    } else node = next;
  }
  // Padding is the beginning of the end of string, less than a byte of it (RFC 7541 5.2).
  if (depth > 7 || (depth > 0 && !isPadding(bytes[to - 1]!, depth))) return undefined;
  let text = "";
  for (let i = 0; i < length; i++) text += String.fromCharCode(OUTPUT[i]!);
  return text;
}

function isPadding(last: number, bits: number): boolean {
  const mask = (1 << bits) - 1;
  return (last & mask) === mask;
}
