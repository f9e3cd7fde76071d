/**
 * Who may see the pages. They show what passes through the host's sockets, and every local user and every web page
 * that a browser has open can reach a loopback port: so a random token, and a list of host names against DNS rebinding.
 */
import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

export const GuardVerdict = {
  pass: "pass",
  setCookie: "set_cookie",
  wrongHost: "wrong_host",
  noToken: "no_token",
} as const;
export type GuardVerdict = (typeof GuardVerdict)[keyof typeof GuardVerdict];

interface GuardOptions {
  readonly token: string;
  readonly allowedHosts: readonly string[];
  readonly cookieName: string;
}

/** `setCookie`: the address holds the token; the browser keeps it and forgets it from the address. */
export function judge(request: IncomingMessage, url: URL, options: GuardOptions): GuardVerdict {
  if (!isAllowedHost(request.headers.host, options.allowedHosts)) return GuardVerdict.wrongHost;
  const inAddress = url.searchParams.get("token");
  if (inAddress !== null && isEqual(inAddress, options.token)) return GuardVerdict.setCookie;
  const bearer = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1];
  const candidates = [bearer, ...cookies(request.headers.cookie, options.cookieName)];
  const isKnown = candidates.some((each) => each !== undefined && isEqual(each, options.token));
  return isKnown ? GuardVerdict.pass : GuardVerdict.noToken;
}

/** An address can't be rebound, a name can. */
function isAllowedHost(host: string | undefined, allowed: readonly string[]): boolean {
  const name = /^(?:\[([^\]]+)\]|([^:]+))(?::\d+)?$/.exec(host ?? "");
  const bare = (name?.[1] ?? name?.[2] ?? "").toLowerCase();
  return isIP(bare) !== 0 || bare === "localhost" || allowed.includes(bare);
}

function cookies(header: string | undefined, name: string): string[] {
  return (header ?? "")
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
}

function isEqual(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
