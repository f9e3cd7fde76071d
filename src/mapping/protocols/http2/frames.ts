/** HTTP/2 frames: the layout of their header and what each type allows (RFC 9113 sections 4.1 and 6). */

export const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
export const FRAME_HEADER_BYTES = 9;

export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
  /** RFC 7838 */
  altSvc: 10,
  /** RFC 8336 */
  origin: 12,
  /** RFC 9218 */
  priorityUpdate: 16,
} as const;

export const FrameFlag = { endStream: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

export function frameLength(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}

/** Without the reserved bit. */
export function streamIdAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! & 0x7f) << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

/** Without `max_frame_size` in SETTINGS no frame is longer (RFC 9113 section 4.2). */
const DEFAULT_MAX_LENGTH = 16_384;

/**
 * Where frames are known to begin: flags without a meaning, the reserved bit and frames of unknown types are to be
 * ignored (RFC 9113 sections 4.1 and 5.5), and some clients send them so that nobody forgets it.
 */
export function isAllowedFrame(bytes: Uint8Array, at: number): boolean {
  const isStreams = streamIdAt(bytes, at + 5) > 0;
  const length = frameLength(bytes, at);
  switch (bytes[at + 3]!) {
    case FrameType.data:
    case FrameType.headers:
    case FrameType.continuation:
      return isStreams;
    case FrameType.pushPromise:
      return isStreams && length >= 4;
    case FrameType.priority:
      return isStreams && length === 5;
    case FrameType.resetStream:
      return isStreams && length === 4;
    case FrameType.settings:
      return !isStreams && length % 6 === 0;
    case FrameType.ping:
      return !isStreams && length === 8;
    case FrameType.goAway:
      return !isStreams && length >= 8;
    case FrameType.windowUpdate:
      return length === 4;
    default:
      return length <= DEFAULT_MAX_LENGTH;
  }
}

/** Does the frame whose header stands at `at` keep the rules of its type, and those of what is known today? */
export function isFrame(bytes: Uint8Array, at: number): boolean {
  if (at + FRAME_HEADER_BYTES > bytes.length) return false;
  const length = frameLength(bytes, at);
  const flags = bytes[at + 4]!;
  if (bytes[at + 5]! >= 0x80) return false;
  const streamId = streamIdAt(bytes, at + 5);
  switch (bytes[at + 3]!) {
    case FrameType.data:
      return streamId > 0 && (flags & ~0x09) === 0;
    case FrameType.headers:
      return streamId > 0 && length > 0 && (flags & ~0x2d) === 0;
    case FrameType.priority:
      return streamId > 0 && length === 5;
    case FrameType.resetStream:
      return streamId > 0 && length === 4;
    case FrameType.settings:
      return streamId === 0 && length % 6 === 0 && length <= 600 && (flags === 0 || (flags === 1 && length === 0));
    case FrameType.pushPromise:
      return streamId > 0 && length > 4 && (flags & ~0x0c) === 0;
    case FrameType.ping:
      return streamId === 0 && length === 8 && flags <= 1;
    case FrameType.goAway:
      return streamId === 0 && length >= 8;
    case FrameType.windowUpdate:
      return length === 4;
    case FrameType.continuation:
      return streamId > 0 && (flags & ~0x04) === 0;
    case FrameType.altSvc:
    case FrameType.origin:
    case FrameType.priorityUpdate:
      return length <= 16_384;
    default:
      return false;
  }
}
