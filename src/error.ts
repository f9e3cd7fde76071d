/** The base of every error that a user may see: a stable code, listed in docs/errors.md, and what to do. */
export abstract class SockspanError extends Error {
  /** Stable, upper snake case: `CONFIG_UNKNOWN_KEY`. */
  abstract readonly code: string;
  /** What the user can do about it, one sentence. */
  readonly advice: string;

  constructor(message: string, advice: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.advice = advice;
  }

  /** Lines that a report of it must hold, shown last; "": none. */
  get report(): string {
    return "";
  }
}

/** With its code, where it has one. */
export function codedMessageOf(thrown: unknown): string {
  return thrown instanceof SockspanError ? `${thrown.message} [${thrown.code}]` : messageOf(thrown);
}

/** Of what was thrown, be it an Error or not. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
