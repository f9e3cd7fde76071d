import { messageOf, SockspanError } from "../error.ts";

/** The folder of a storage extension can't be used. */
export class StorageUnusableError extends SockspanError {
  readonly code = "STORAGE_UNUSABLE";

  constructor(path: string, cause: unknown) {
    super(
      `storage: ${path}: ${messageOf(cause)}`,
      "Check `directory` of the extension: that it exists or may be made, and whether the disk is full.",
      { cause },
    );
  }
}

/** Another process has the lock. */
export class StorageInUseError extends SockspanError {
  readonly code = "STORAGE_IN_USE";

  constructor(path: string, timeoutMs: number) {
    super(
      `storage: another process uses ${path}, and did not let go of it within ${timeoutMs} ms`,
      "End the other sockspan, or give each its own `directory`.",
    );
  }
}
