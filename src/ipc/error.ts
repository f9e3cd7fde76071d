/** What can go wrong between worker and broker, each with what to do about it. */
import { SockspanError } from "../error.ts";

export class BrokerRequestError extends SockspanError {
  readonly code = "BROKER_REQUEST_FAILED";

  constructor(request: string, reason: string) {
    super(
      `the broker did not answer ${request}: ${reason}`,
      "Look for the broker's own message above; restart sockspan",
    );
  }
}

export class PrivilegeDropError extends SockspanError {
  readonly code = "PRIVILEGE_DROP_FAILED";

  constructor(reason: string, options?: ErrorOptions) {
    super(
      `the worker could not become an unprivileged user: ${reason}`,
      "Check --user; as root it needs CAP_SETUID and CAP_SETGID",
      options,
    );
  }
}
