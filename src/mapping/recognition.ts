/** Which protocol do the first bytes of a connection belong to? Content decides; ports only order the candidates. */
import { Recognition, Sender } from "./protocols/protocol.ts";
import type { AnyProtocol } from "./protocols/registry.ts";

/** What is known of one direction: its first bytes, none yet if it is empty. */
export interface DirectionStart {
  readonly bytes: Uint8Array;
  readonly isStreamStart: boolean;
}

export interface Claim {
  readonly protocol: AnyProtocol;
  /** Who sent the first of the two directions. */
  readonly firstSender: Sender;
}

/** No protocol fits, and more bytes will not change that. */
export const UNKNOWN = "unknown";

/**
 * @param firstSender who sends the first direction, where the kernel knows
 * @returns the claim, undefined while more bytes may decide, or UNKNOWN
 */
export function recognize(
  protocols: readonly AnyProtocol[],
  first: DirectionStart,
  second: DirectionStart,
  firstSender: Sender | undefined,
  serverPort: number,
  transport: "tcp" | "udp",
): Claim | undefined | typeof UNKNOWN {
  let mayFit = false;
  let weakClaim: Claim | undefined;
  for (const isUsual of [true, false]) {
    for (const protocol of protocols) {
      if (protocol.usualPorts.includes(serverPort) !== isUsual) continue;
      const verdict = examine(protocol, first, second, firstSender, serverPort, transport);
      if (verdict === undefined) continue;
      if (verdict.sender === undefined) {
        mayFit = true;
        continue;
      }
      const claim = { protocol, firstSender: verdict.sender };
      if (!protocol.isWeak || verdict.isTwoSided || (isUsual && verdict.isRequest)) {
        if (!protocol.isWeak) return claim;
        weakClaim ??= claim;
      } else {
        mayFit = true;
      }
    }
  }
  if (weakClaim !== undefined) return weakClaim;
  return mayFit ? undefined : UNKNOWN;
}

interface Examination {
  /** undefined: it may fit, but nothing is proved yet. */
  readonly sender: Sender | undefined;
  readonly isTwoSided: boolean;
  readonly isRequest: boolean;
}

function examine(
  protocol: AnyProtocol,
  first: DirectionStart,
  second: DirectionStart,
  firstSender: Sender | undefined,
  serverPort: number,
  transport: "tcp" | "udp",
): Examination | undefined {
  const other = firstSender === undefined ? undefined : firstSender === Sender.client ? Sender.server : Sender.client;
  const left = ask(protocol, first, firstSender, serverPort, transport);
  if (left === Recognition.no) return undefined;
  const right = ask(protocol, second, other, serverPort, transport);
  if (right === Recognition.no) return undefined;
  let sender: Sender | undefined;
  if (left === Recognition.request || left === Recognition.response) {
    sender = left === Recognition.request ? Sender.client : Sender.server;
  }
  if (right === Recognition.request || right === Recognition.response) {
    const implied = right === Recognition.request ? Sender.server : Sender.client;
    if (sender !== undefined && sender !== implied) return undefined;
    sender = implied;
  }
  if (sender !== undefined && firstSender !== undefined && sender !== firstSender) return undefined;
  return {
    sender,
    isTwoSided: left !== Recognition.needMore && right !== Recognition.needMore,
    isRequest: left === Recognition.request || right === Recognition.request,
  };
}

/** A direction without bytes may become anything. */
function ask(
  protocol: AnyProtocol,
  start: DirectionStart,
  sender: Sender | undefined,
  serverPort: number,
  transport: "tcp" | "udp",
): Recognition {
  if (start.bytes.length === 0) return Recognition.needMore;
  return protocol.recognize(start.bytes, { sender, serverPort, transport, isStreamStart: start.isStreamStart });
}
