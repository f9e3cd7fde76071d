/** Which partition a message goes to. */
import type { Topic } from "./cluster.ts";

/** FNV-1a and the absolute value of the remainder, as Sarama and so the Collector do: a trace stays in its partition beside theirs. */
export function partitionOfKey(key: Uint8Array, partitionCount: number): number {
  let hash = 0x811c9dc5;
  for (const byte of key) hash = Math.imul(hash ^ byte, 0x01000193);
  return Math.abs((hash | 0) % partitionCount);
}

export class Partitioner {
  #turn = Math.floor(Math.random() * 0x10000);

  /** undefined: the partition of this key has no leader at the moment. */
  choose(key: Uint8Array | undefined, { partitionCount, available }: Topic): number | undefined {
    if (key === undefined) return available[this.#turn++ % available.length];
    const partition = partitionOfKey(key, partitionCount);
    return available.includes(partition) ? partition : undefined;
  }
}
