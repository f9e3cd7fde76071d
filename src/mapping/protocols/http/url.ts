/** Request targets (RFC 9112 section 3.2), split without judging them, and what of them may leave. */

interface SplitTarget {
  readonly scheme: string | undefined;
  /** Without user information. */
  readonly authority: string | undefined;
  readonly path: string;
  readonly query: string | undefined;
}

export function splitTarget(target: string, isConnect: boolean): SplitTarget {
  if (isConnect) return { scheme: undefined, authority: target, path: "", query: undefined };
  let scheme: string | undefined;
  let authority: string | undefined;
  let rest = target;
  const absolute = target.startsWith("/") ? null : /^([a-z][a-z0-9+.-]{0,15}):\/\/([^/?#]*)/i.exec(target);
  if (absolute !== null) {
    scheme = absolute[1]!.toLowerCase();
    const userEnd = absolute[2]!.lastIndexOf("@");
    authority = userEnd < 0 ? absolute[2]! : absolute[2]!.slice(userEnd + 1);
    rest = target.slice(absolute[0].length);
    if (!rest.startsWith("/")) rest = `/${rest}`;
  }
  const fragment = rest.indexOf("#");
  if (fragment >= 0) rest = rest.slice(0, fragment);
  const question = rest.indexOf("?");
  if (question < 0) return { scheme, authority, path: rest, query: undefined };
  return { scheme, authority, path: rest.slice(0, question), query: rest.slice(question + 1) };
}

/** `a=1&b=2` -> `a=REDACTED&b=REDACTED`; a part without a name is all value. */
export function redactQuery(query: string, shown: readonly string[]): string {
  let result = "";
  for (let start = 0; start <= query.length; ) {
    const ampersand = query.indexOf("&", start);
    const end = ampersand < 0 ? query.length : ampersand;
    const equals = query.indexOf("=", start);
    if (start > 0) result += "&";
    if (equals < 0 || equals >= end) {
      const part = query.slice(start, end);
      result += part === "" || shown.includes(part) ? part : "REDACTED";
    } else {
      const name = query.slice(start, equals);
      result += shown.includes(name) ? query.slice(start, end) : `${name}=REDACTED`;
    }
    start = end + 1;
  }
  return result;
}
