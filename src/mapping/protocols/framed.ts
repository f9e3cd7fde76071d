/**
 * Protocols whose messages say their length in a header at their start: framing, recognition and resync by one set of
 * rules. What lies behind the bytes that a message is read from is skipped, not held.
 */
import {
  INVALID,
  type Message,
  type MessageSink,
  NEED_MORE,
  type Protocol,
  Recognition,
  type RecognitionHint,
  Sender,
} from "./protocol.ts";

interface FrameRules<M extends Message, S> {
  readonly transport: "tcp" | "udp";
  /** Length of the whole frame at `at`, NEED_MORE, or INVALID. */
  frameLength(bytes: Uint8Array, at: number): number;
  /** So many bytes of a frame are enough to read it. */
  readonly readBytes: number;
  /** What frame lies in [0, end); a frame longer than `readBytes` is cut there. undefined: of no interest. */
  read(bytes: Uint8Array, end: number, sender: Sender, state: S): M | undefined;
  /** Is this the start of a frame that nothing else begins with? By its content alone, who sent it. */
  classify(bytes: Uint8Array, hint: RecognitionHint): Recognition;
}

type Framed<M extends Message, S> = Pick<Protocol<M, S>, "recognize" | "parse" | "findBoundary" | "resyncsAtCallStart">;

export function framed<M extends Message, S>(rules: FrameRules<M, S>): Framed<M, S> {
  return {
    resyncsAtCallStart: true,

    recognize(bytes, hint) {
      if (hint.transport !== rules.transport) return Recognition.no;
      const length = rules.frameLength(bytes, 0);
      if (length === INVALID) return Recognition.no;
      if (length > bytes.length && rules.transport === "udp") return Recognition.no;
      return agreed(rules.classify(bytes, hint), hint.sender);
    },

    parse(bytes, sender, state, sink: MessageSink<M>) {
      const length = rules.frameLength(bytes, 0);
      if (length === INVALID || length === NEED_MORE) return length;
      const end = Math.min(length, rules.readBytes);
      if (bytes.length < end) return NEED_MORE;
      const message = rules.read(bytes, end, sender, state);
      if (message !== undefined) sink.message(message);
      return length;
    },

    findBoundary(bytes, from, sender) {
      const last = bytes.length - 1;
      for (let at = from; at <= last; at++) {
        if (rules.frameLength(bytes, at) === INVALID) continue;
        const found = rules.classify(bytes.subarray(at), {
          sender,
          serverPort: 0,
          transport: rules.transport,
          isStreamStart: false,
        });
        if (found === Recognition.request || found === Recognition.response) return at;
      }
      return -1;
    },
  };
}

/** What the bytes say and what is known of their sender must not differ. */
export function agreed(found: Recognition, sender: Sender | undefined): Recognition {
  if (sender === undefined || found === Recognition.no || found === Recognition.needMore) return found;
  return (found === Recognition.request) === (sender === Sender.client) ? found : Recognition.no;
}

/** Do the bytes at `at`, as far as they are there, equal `magic`? */
export function startsWith(bytes: Uint8Array, at: number, magic: readonly number[]): boolean {
  const length = Math.min(magic.length, bytes.length - at);
  for (let i = 0; i < length; i++) if (bytes[at + i] !== magic[i]) return false;
  return true;
}
