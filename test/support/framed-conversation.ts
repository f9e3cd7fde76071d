/** A conversation as the kernel tells it that follows the connection's verdicts at once, or some calls late. */
import { Direction, EventFlags } from "../../src/bpf/layout.gen.ts";
import type { Framing } from "../../src/mapping/connection/framing.ts";
import { Sender } from "../../src/mapping/protocols/protocol.ts";
import { PROTOCOLS } from "../../src/mapping/protocols/registry.ts";
import { Conversation, type ConversationOptions } from "./conversation.ts";
import type { Utterance } from "./dialogue.ts";
import { FrameWalker } from "./frame-walker.ts";
import { meta } from "./meta.ts";

const SENDERS = [Sender.client, Sender.server] as const;

export class FramedConversation extends Conversation {
  readonly #lateCalls: number;
  readonly #walkers: [FrameWalker | undefined, FrameWalker | undefined] = [undefined, undefined];
  readonly #skipUntil: [number, number] = [0, 0];
  readonly #sent: [number, number] = [0, 0];
  readonly #eventNumbers: [number, number] = [0, 0];
  #heard = 0;
  #followed = 0;
  /** Of the events, without what is said of the bytes. */
  copiedBytes = 0;
  walkedEvents = 0;

  constructor(options: ConversationOptions & { readonly lateCalls?: number } = {}) {
    super(options);
    this.#lateCalls = options.lateCalls ?? 0;
  }

  /** One call, of which the kernel tells what it was told to tell. `isLost`: its event finds no room in the ring. */
  call({ sender, bytes }: Utterance, isLost = false): void {
    if (this.#heard++ >= this.#followed + this.#lateCalls) this.#follow();
    const offset = this.#sent[sender];
    this.#sent[sender] += bytes.length;
    if (offset === 0 && sender === Sender.client) this.#matchPreface(bytes);
    const payload = this.#walkers[sender]?.call(offset, bytes) ?? (this.#walkers[sender] ? undefined : "plain");
    if (payload === undefined) return;
    if (payload === "plain" && offset + bytes.length < this.#skipUntil[sender]) return;
    const eventNumber = this.#eventNumbers[sender]++;
    if (isLost) return;
    this.order++;
    const direction = sender === Sender.client ? Direction.ingress : Direction.egress;
    const lent = Uint8Array.from(payload === "plain" ? bytes : payload);
    const flags = payload === "plain" ? 0 : EventFlags.frames;
    if (payload !== "plain") this.walkedEvents++;
    this.copiedBytes += lent.length;
    this.connection.push(direction, offset, bytes.length, lent, meta(this.order), flags, eventNumber);
    lent.fill(0xff);
  }

  #matchPreface(bytes: Uint8Array): void {
    const start = Buffer.from(bytes.subarray(0, 8)).toString("latin1");
    const framing = PROTOCOLS.map((protocol) => protocol.framing).find((each) => each?.preface?.startsWith(start));
    if (framing?.preface === undefined || bytes.length < 8) return;
    this.#walk(framing, 0, framing.preface.length);
  }

  #walk(framing: Framing, place: number, prefaceBytes: number): void {
    this.#walkers[Sender.client] = new FrameWalker(framing, Sender.client, place, prefaceBytes);
    this.#walkers[Sender.server] = new FrameWalker(framing, Sender.server, place);
  }

  #follow(): void {
    const verdict = this.verdicts.at(-1);
    this.verdicts.length = 0;
    if (verdict === undefined || verdict.mode === "drop") return;
    this.#followed = this.#heard;
    const places = "places" in verdict ? verdict.places : undefined;
    for (const sender of SENDERS) {
      const place = sender === Sender.client ? places?.ingress : places?.egress;
      this.#skipUntil[sender] = verdict.mode === "frames" ? 0 : (place ?? 0);
      if (verdict.mode !== "frames") this.#walkers[sender] = undefined;
      else if (!this.#walkers[sender]?.isSynced) {
        this.#walkers[sender] = new FrameWalker(verdict.framing, sender, place);
      }
    }
  }
}
