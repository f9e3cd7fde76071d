/** task->comm, up to its NUL. */
export function commText(comm: Uint8Array): string {
  const end = comm.indexOf(0);
  return Buffer.from(comm.subarray(0, end < 0 ? comm.length : end)).toString("utf8");
}
