/** What a client has of a broker and has not acknowledged: where it came from. Bounded by MAX_DELIVERIES. */
import { makeRoom } from "../../../make-room.ts";

interface Origin {
  readonly exchange: string | undefined;
  readonly routingKey: string | undefined;
}

/** Of a client that acknowledges nothing the last ones are kept. */
const MAX_DELIVERIES = 256;

export class Deliveries {
  readonly #origins = new Map<string, Origin & { readonly channel: number; readonly tag: number }>();

  add(channel: number, tag: number, exchange: string | undefined, routingKey: string | undefined): void {
    makeRoom(this.#origins, MAX_DELIVERIES);
    this.#origins.set(`${channel}.${tag}`, { channel, tag, exchange, routingKey });
  }

  /** @param isMultiple all of the channel up to this one, or with tag 0 all */
  take(channel: number, tag: number, isMultiple: boolean): Origin | undefined {
    const key = `${channel}.${tag}`;
    const origin = this.#origins.get(key);
    this.#origins.delete(key);
    if (isMultiple) {
      for (const [other, delivery] of this.#origins) {
        if (delivery.channel === channel && (tag === 0 || delivery.tag <= tag)) this.#origins.delete(other);
      }
    }
    return origin;
  }

  clear(): void {
    this.#origins.clear();
  }
}
