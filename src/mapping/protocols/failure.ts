/** What an exchange without a response says about itself. */
import type { Message, Session } from "./protocol.ts";

/** error.type of an exchange whose answer never came; undefined where it came, or where only the capture lost it. */
export function missingResponse(session: Session<Message>): string | undefined {
  if (session.response !== undefined) return undefined;
  const { incomplete } = session;
  return incomplete === "timeout" || incomplete === "connection_closed" ? incomplete : undefined;
}
