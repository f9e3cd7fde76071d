/** Before a new key is set: where the map holds `limit` of them already, the one that was set first leaves. */
export function makeRoom<Key>(map: Map<Key, unknown>, limit: number): void {
  if (map.size >= limit) map.delete(map.keys().next().value!);
}

/** Sets a key that may be there already: only a new one takes room. */
export function setBounded<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, limit: number): void {
  if (!map.has(key)) makeRoom(map, limit);
  map.set(key, value);
}
