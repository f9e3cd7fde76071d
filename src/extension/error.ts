import { messageOf, SockspanError } from "../error.ts";

/** A configured address can't be listened on. */
export class ListenError extends SockspanError {
  readonly code = "LISTEN_FAILED";

  constructor(who: string, address: string, cause: unknown) {
    const reason = (cause as NodeJS.ErrnoException).code === "EADDRINUSE" ? "the port is taken" : String(cause);
    super(`${who} can't listen on ${address}: ${reason}`, "Configure a free endpoint, or end what listens there.", {
      cause,
    });
  }
}

/** The folder of a storage extension can't be made, or not be written to. */
export class StorageUnusableError extends SockspanError {
  readonly code = "STORAGE_UNUSABLE";

  constructor(id: string, path: string, cause: unknown) {
    super(
      `extension ${id} can't use ${path}: ${messageOf(cause)}`,
      "Name a directory that root can make or write to, on a disk that is not full.",
      { cause },
    );
  }
}

/** Two sockspans would send the same requests, and delete each other's. */
export class StorageInUseError extends SockspanError {
  readonly code = "STORAGE_IN_USE";

  constructor(id: string, path: string) {
    super(
      `extension ${id}: another sockspan uses ${path}`,
      "Give each its own directory; one that is ending may need a longer timeout.",
    );
  }
}
