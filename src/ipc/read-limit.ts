/**
 * Of one read of a process's files or memory: as text in base64 it is below what V8 keeps apart as large (128 KiB), so what passes
 * through the broker is gone with the next collection of the young. In a file of its own, since threads that need it need no schemas.
 */
export const READ_LIMIT_BYTES = 64 << 10;
