/** Of one read of a process's files or memory. In a file of its own, since threads that need it need no schemas. */
export const READ_LIMIT_BYTES = 1 << 20;
