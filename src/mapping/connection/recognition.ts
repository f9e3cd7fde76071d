/** Which protocol do the first bytes of a connection belong to? Content decides; ports only order the candidates. */
import { Recognition, type RecognitionHint, Sender } from "../protocols/protocol.ts";
import type { AnyProtocol } from "../protocols/registry.ts";
import { dispatchOf } from "./recognition-dispatch.ts";

/** What is known of one direction: its first bytes, none yet if it is empty. */
export interface DirectionStart {
  readonly bytes: Uint8Array;
  readonly isStreamStart: boolean;
}

interface Claim {
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
  const dispatch = dispatchOf(protocols, transport);
  const usual = dispatch.usualAt(serverPort);
  const firstByte = first.bytes[0] ?? second.bytes[0];
  const candidates = firstByte === undefined ? protocols : dispatch.beginningWith(firstByte);
  const others =
    first.bytes.length > 0 && second.bytes.length > 0 ? dispatch.beginningWith(second.bytes[0]!) : undefined;
  hints.left.serverPort = serverPort;
  hints.left.transport = transport;
  hints.left.sender = firstSender;
  hints.left.isStreamStart = first.isStreamStart;
  hints.right.serverPort = serverPort;
  hints.right.transport = transport;
  hints.right.sender =
    firstSender === undefined ? undefined : firstSender === Sender.client ? Sender.server : Sender.client;
  hints.right.isStreamStart = second.isStreamStart;
  let mayFit = false;
  let weakClaim: Claim | undefined;
  for (let pass = usual === undefined ? 1 : 0; pass < 2; pass++) {
    for (const protocol of candidates) {
      const isUsual = usual?.includes(protocol) ?? false;
      if (isUsual !== (pass === 0) || (others !== undefined && !others.includes(protocol))) continue;
      const fit = examine(protocol, first.bytes, second.bytes, firstSender);
      if (fit === Fit.no) continue;
      const sender = fit & Fit.client ? Sender.client : fit & Fit.server ? Sender.server : undefined;
      if (sender === undefined) {
        mayFit = true;
        continue;
      }
      const claim = { protocol, firstSender: sender };
      if (!protocol.isWeak) return claim;
      if (fit & Fit.twoSided || (isUsual && fit & Fit.request)) weakClaim ??= claim;
      else mayFit = true;
    }
  }
  if (weakClaim !== undefined) return weakClaim;
  return mayFit ? undefined : UNKNOWN;
}

/** Who sent the first direction (neither: it may fit, but nothing is proved yet), and by what that is known. */
const Fit = { no: 0, maybe: 1, client: 2, server: 4, twoSided: 8, request: 16 } as const;

type MutableHint = { -readonly [K in keyof RecognitionHint]: RecognitionHint[K] };

/** Asked for every connection and every protocol: not made anew each time. */
const hints: { readonly left: MutableHint; readonly right: MutableHint } = {
  left: { sender: undefined, serverPort: 0, transport: "tcp", isStreamStart: true },
  right: { sender: undefined, serverPort: 0, transport: "tcp", isStreamStart: true },
};

/** @returns bits of Fit */
function examine(
  protocol: AnyProtocol,
  first: Uint8Array,
  second: Uint8Array,
  firstSender: Sender | undefined,
): number {
  // A direction without bytes may become anything.
  const left = first.length === 0 ? Recognition.needMore : protocol.recognize(first, hints.left);
  if (left === Recognition.no) return Fit.no;
  const right = second.length === 0 ? Recognition.needMore : protocol.recognize(second, hints.right);
  if (right === Recognition.no) return Fit.no;
  let sender: Sender | undefined;
  if (left !== Recognition.needMore) sender = left === Recognition.request ? Sender.client : Sender.server;
  if (right !== Recognition.needMore) {
    const implied = right === Recognition.request ? Sender.server : Sender.client;
    if (sender !== undefined && sender !== implied) return Fit.no;
    sender = implied;
  }
  if (sender === undefined) return Fit.maybe;
  if (firstSender !== undefined && sender !== firstSender) return Fit.no;
  const isTwoSided = left !== Recognition.needMore && right !== Recognition.needMore;
  const isRequest = left === Recognition.request || right === Recognition.request;
  return (
    (sender === Sender.client ? Fit.client : Fit.server) |
    (isTwoSided ? Fit.twoSided : 0) |
    (isRequest ? Fit.request : 0)
  );
}
