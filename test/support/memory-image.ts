/** Memory of a process that has these bytes and nothing else. */
export function memoryOf(bytes: Uint8Array, base: number) {
  return {
    memory: (address: number, lengthBytes: number): Promise<Uint8Array> => {
      const at = address - base;
      const isThere = at >= 0 && at < bytes.length && lengthBytes > 0;
      return Promise.resolve(isThere ? bytes.subarray(at, at + lengthBytes) : new Uint8Array());
    },
  };
}
