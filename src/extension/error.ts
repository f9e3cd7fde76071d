import { messageOf, SockspanError } from "../error.ts";

/** A configured address can't be listened on. */
export class ListenError extends SockspanError {
  readonly code = "LISTEN_FAILED";

  constructor(who: string, address: string, cause: unknown) {
    const isTaken = (cause as NodeJS.ErrnoException).code === "EADDRINUSE";
    super(
      `${who} can't listen on ${address}: ${isTaken ? "the port is taken" : messageOf(cause)}`,
      isTaken ? "Configure a free endpoint, or end what listens there." : "Configure an address of this host.",
      { cause },
    );
  }
}
