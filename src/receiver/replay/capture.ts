/** What every reader of a file of packets tells, and how it is fed. */
import type { CaptureProblem } from "./error.ts";

export interface PacketSink {
  /** `bytes` is only valid during the call; `originalLength` is the length on the wire. */
  packet(seconds: number, nanoseconds: number, linkType: number, bytes: Uint8Array, originalLength: number): void;
  problem(problem: CaptureProblem): void;
}

/** Takes a file in pieces of any size. After a problem it takes no more. */
export interface CaptureDecoder {
  push(chunk: Uint8Array): void;
  end(): void;
}

/** tcpdump.org/linktypes.html */
export const LinkType = {
  null: 0,
  ethernet: 1,
  rawBsd: 12,
  rawOpenBsd: 14,
  raw: 101,
  loop: 108,
  linuxSll: 113,
  ipv4: 228,
  ipv6: 229,
  linuxSll2: 276,
} as const;

/** A larger record than any link has is damage: the next record header would be searched in garbage. */
export const MAXIMUM_RECORD_BYTES = 16 * 1024 * 1024;
