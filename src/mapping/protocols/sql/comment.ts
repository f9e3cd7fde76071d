/** Trace context that a client wrote into a comment of its statement (google.github.io/sqlcommenter). */
export function sqlComment(text: string, key: string): string | undefined {
  const at = text.lastIndexOf(`${key}=`);
  if (at < 0 || text.lastIndexOf("/*", at) < 0) return undefined;
  const value = /^'([^']{1,256})'/.exec(text.slice(at + key.length + 1, at + key.length + 260))?.[1];
  if (value === undefined) return undefined;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
