/**
 * Who has asked for the calls that one goroutine writes for all (grpc-go's client): told before they are written, by the
 * goroutine that writes and the stream. A goroutine's id never comes back, nor does a stream's on its connection.
 */
import { type StreamCallEvent, UnitKind } from "../../../bpf/layout.gen.ts";
import { makeRoom } from "../../../make-room.ts";
import type { EventMeta } from "../../event-meta.ts";
import { StreamWatch } from "../watch/stream-watch.ts";

const MAX_CALLS = 4096;

export class StreamCalls {
  readonly #asked = new Map<string, StreamCallEvent>();
  readonly watch = new StreamWatch();

  told(event: StreamCallEvent): void {
    this.watch.told();
    makeRoom(this.#asked, MAX_CALLS);
    this.#asked.set(keyOf(event.writerId, event.streamId), event);
  }

  /** @returns `meta` as of the one who has asked for the call of this stream, where that is known */
  startOf(meta: EventMeta, streamId: number): EventMeta {
    if (this.#asked.size === 0) return meta;
    const key = keyOf(meta.coroutineId, streamId);
    const asked = this.#asked.get(key);
    if (asked === undefined) return meta;
    this.#asked.delete(key);
    const { unitId, unitParent, causeKind, causeId, causeRequest } = asked;
    return { ...meta, unitKind: UnitKind.goroutine, unitId, unitParent, causeKind, causeId, causeRequest };
  }
}

function keyOf(goroutine: number, streamId: number): string {
  return `${goroutine} ${streamId}`;
}
