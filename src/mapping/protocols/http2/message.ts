/** What is kept of one side of an HTTP/2 stream. */
import type { Message } from "../protocol.ts";

export interface Http2Message extends Message {
  /** Headers and trailers; what hangs on a table that was not seen is not there. Of a name that repeats, the first. */
  readonly headers: Map<string, string>;
  /** undefined: part of it was lost. */
  bodySize: number | undefined;
  /** Error code of RST_STREAM. */
  resetCode: number | undefined;
  /** The server said by GOAWAY that it will not look at it. */
  isRefused: boolean;
}

export function headerOf(message: Http2Message | undefined, name: string): string | undefined {
  return message?.headers.get(name);
}
