/** Before a new key is set: where the map holds `limit` of them already, the one that was set first leaves. */
export function makeRoom<Key>(map: Map<Key, unknown>, limit: number): void {
  if (map.size >= limit) map.delete(map.keys().next().value!);
}
