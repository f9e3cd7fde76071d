/** Snappy's block format (google/snappy format_description.txt), as far as `maxOutput` bytes; undefined: damaged. */
export function unpackSnappy(input: Uint8Array, maxOutput: number): Uint8Array | undefined {
  let size = 0;
  let at = 0;
  for (let scale = 1; ; scale *= 128) {
    if (at >= input.length || at > 4) return undefined;
    const byte = input[at++]!;
    size += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
  }
  const output = new Uint8Array(Math.min(size, maxOutput));
  let length = 0;
  while (at < input.length && length < output.length) {
    const tag = input[at++]!;
    const kind = tag & 3;
    if (kind === 0) {
      let count = tag >> 2;
      if (count >= 60) {
        const width = count - 59;
        count = 0;
        for (let i = 0; i < width; i++) count += (input[at + i] ?? 0) * 256 ** i;
        at += width;
      }
      count++;
      const end = Math.min(at + count, input.length, at + output.length - length);
      output.set(input.subarray(at, end), length);
      length += Math.max(0, end - at);
      at += count;
      continue;
    }
    let count: number;
    let distance: number;
    if (kind === 1) {
      count = 4 + ((tag >> 2) & 7);
      distance = ((tag >> 5) << 8) | (input[at] ?? 0);
      at += 1;
    } else {
      count = 1 + (tag >> 2);
      distance = (input[at] ?? 0) | ((input[at + 1] ?? 0) << 8);
      if (kind === 3) distance += ((input[at + 2] ?? 0) | ((input[at + 3] ?? 0) << 8)) * 65536;
      at += kind === 2 ? 2 : 4;
    }
    if (distance === 0 || distance > length) return undefined;
    for (let i = 0; i < count && length < output.length; i++) output[length] = output[length++ - distance]!;
  }
  return output.subarray(0, length);
}
