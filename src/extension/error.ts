import { SockspanError } from "../error.ts";

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
