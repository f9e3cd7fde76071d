/**
 * The header of a data-plane frame (port 20033): size (big-endian, header included) and type, then, little-endian,
 * version, encoder, team, organisation, agent. Senders older than 6.5.9 have another layout of the same length,
 * told apart by the version word; they knew neither teams nor encoders.
 */
import { hasShortHeader, isKnownMessageType } from "./message-type.ts";

export const SHORT_HEADER_BYTES = 5;
export const HEADER_BYTES = 19;
const FRAME_VERSION = 0x8000;

/** How the body is compressed, as one block. */
export const FrameEncoder = { raw: 0, zlib: 1, gzip: 2, zstd: 3 } as const;
export type FrameEncoder = (typeof FrameEncoder)[keyof typeof FrameEncoder];

const DEFAULT_TEAM_ID = 1;
const DEFAULT_ORGANIZATION_ID = 1;
/** Where older senders put the agent: after version, team and organisation of four bytes each. */
const OLD_AGENT_OFFSET = SHORT_HEADER_BYTES + 12;
const AGENT_OFFSET = 16;

export interface FrameHeader {
  /** The whole frame with its header. UDP senders of short headers leave it 0. */
  readonly frameBytes: number;
  /** MessageType, or a number that we don't know. */
  readonly type: number;
  /** FrameEncoder, or a number that we don't know. */
  readonly encoder: number;
  readonly teamId: number;
  readonly organizationId: number;
  readonly agentId: number;
}

export function headerBytes(type: number): number {
  return hasShortHeader(type) ? SHORT_HEADER_BYTES : HEADER_BYTES;
}

/** @param bytes at least headerBytes(bytes[4]) of them */
export function decodeFrameHeader(bytes: Uint8Array, offset: number): FrameHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset);
  const frameBytes = view.getUint32(0);
  const type = view.getUint8(4);
  if (hasShortHeader(type)) {
    return {
      frameBytes,
      type,
      encoder: FrameEncoder.raw,
      teamId: DEFAULT_TEAM_ID,
      organizationId: DEFAULT_ORGANIZATION_ID,
      agentId: 0,
    };
  }
  if (view.getUint16(5, true) !== FRAME_VERSION) {
    return {
      frameBytes,
      type,
      encoder: FrameEncoder.raw,
      teamId: DEFAULT_TEAM_ID,
      organizationId: DEFAULT_ORGANIZATION_ID,
      agentId: view.getUint16(OLD_AGENT_OFFSET, true),
    };
  }
  return {
    frameBytes,
    type,
    encoder: view.getUint8(7),
    teamId: view.getUint32(8, true) || DEFAULT_TEAM_ID,
    organizationId: view.getUint16(12, true) || DEFAULT_ORGANIZATION_ID,
    agentId: view.getUint16(AGENT_OFFSET, true),
  };
}

/** A whole frame. */
export function encodeFrame(header: Omit<FrameHeader, "frameBytes">, body: Uint8Array): Uint8Array {
  const size = headerBytes(header.type);
  const frame = new Uint8Array(size + body.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, frame.length);
  view.setUint8(4, header.type);
  if (size === HEADER_BYTES) {
    view.setUint16(5, FRAME_VERSION, true);
    view.setUint8(7, header.encoder);
    view.setUint32(8, header.teamId, true);
    view.setUint16(12, header.organizationId, true);
    view.setUint16(AGENT_OFFSET, header.agentId, true);
  }
  frame.set(body, size);
  return frame;
}

/** Why a stream or datagram is refused; the name is the reason in the account. */
export type FrameFault = "unknown_type" | "frame_too_short" | "frame_too_long" | "frame_truncated";

/** Can be said of the first five bytes alone. */
export function faultOf(frameBytes: number, type: number, maxFrameBytes: number): FrameFault | undefined {
  // A bare header is legal whatever its type says.
  if (frameBytes === HEADER_BYTES) return undefined;
  if (!isKnownMessageType(type)) return "unknown_type";
  if (frameBytes < headerBytes(type)) return "frame_too_short";
  return frameBytes > maxFrameBytes ? "frame_too_long" : undefined;
}
