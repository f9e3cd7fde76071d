/** Which values of a configuration are secrets: those are never shown. */
import type { Path } from "./located.ts";

const SECRET_KEY =
  /^(?:headers|password|passwd|token|secret|api_?key|key_pem|key_passphrase|authorization|credentials)$/i;
const SECRET_SUFFIX = /(?:_password|_token|_secret|_key_pem|_passphrase)$/i;

const REDACTED = "[REDACTED]";

/** Is the value at `path` a secret? `headers` hides all that is below it. */
export function isSecretPath(path: Path): boolean {
  return path.some((step) => typeof step === "string" && (SECRET_KEY.test(step) || SECRET_SUFFIX.test(step)));
}

/** A copy without secrets; also without the user part of URLs, and the values of their queries. */
export function redact(value: unknown, path: Path = []): unknown {
  if (Array.isArray(value)) return value.map((item, index) => redact(item, [...path, index]));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redact(item, [...path, key])]));
  }
  if (value === null || value === undefined || value === "") return value;
  if (isSecretPath(path)) return REDACTED;
  return typeof value === "string" ? redactUrl(value) : value;
}

export function redactUrl(text: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return text;
  const [beforeQuery = "", ...query] = text.split("?");
  const place = beforeQuery.replace(/^([^:]*:\/\/)[^/]*@/, `$1${REDACTED}@`);
  return [place, ...query.map((each) => each.replace(/=[^&#]+/g, `=${REDACTED}`))].join("?");
}
