/** Makes reads and writes of files a part of the request that they were made for: child spans, or events of its span. */
import type { IoEvent } from "../../bpf/layout.gen.ts";
import type { StageAccount } from "../account.ts";
import { commOf } from "../comm.ts";
import type { Departure } from "../departure.ts";
import { metaOfIo } from "../event-meta.ts";
import { exchangeId } from "../ids.ts";
import type { Joiner } from "../join/join.ts";
import { decide, whenDecided } from "../join/trace-graph.ts";
import { TraceNode } from "../join/trace-node.ts";
import { type Attribute, SpanKind } from "../span.ts";
import { ioFields } from "./io-fields.ts";

export interface IoOptions {
  /** As spans of their own, or as events of the request's span. */
  readonly as: "spans" | "span_events";
  /** Those that belong to no request are spans too. */
  readonly keepsOrphans: boolean;
  /** Of one request; more are left out and counted. */
  readonly maxPerRequest: number;
}

const IO_SALT = 0x696f;
/** What a node is on: no connection. */
const NOWHERE = {};

export class IoTracer {
  readonly #options: IoOptions;
  readonly #account: StageAccount;
  readonly #departure: Departure;
  readonly #joiner: Joiner;
  readonly #undecided = new Set<TraceNode>();

  /** @param account in spans */
  constructor(options: IoOptions, account: StageAccount, departure: Departure, joiner: Joiner) {
    this.#options = options;
    this.#account = account;
    this.#departure = departure;
    this.#joiner = joiner;
  }

  /** @param names bytes of the path, valid during the call only */
  event(event: IoEvent, names: Uint8Array, order: number): void {
    this.#account.addIn();
    const start = metaOfIo(event, order);
    const id = exchangeId(start.tgid, start.pid, start.timestampNs, IO_SALT);
    const node = new TraceNode(false, id, start, this.#joiner.unitOf(start), NOWHERE, undefined);
    const fields = ioFields(event, names);
    const comm = commOf(event.comm);
    this.#undecided.add(node);
    whenDecided(node, () => {
      this.#undecided.delete(node);
      if (!this.#isWanted(node)) return;
      const { tgid, timestampNs: startNs } = start;
      const endNs = event.header.timestampNs;
      if (this.#options.as === "spans" || node.parent === undefined) {
        this.#departure.add({ node, fields, kind: SpanKind.internal, tgid, comm, startNs, endNs, answer: undefined });
      } else {
        const attributes: Attribute[] = [...fields.attributes, ["sockspan.io.duration", (endNs - startNs) / 1e9]];
        if (node.evidence !== undefined) attributes.push(["sockspan.link.evidence", node.evidence]);
        node.parent.addEvent({ timestampNs: startNs, name: fields.name, attributes });
        this.#account.addConsumed("span_event");
      }
    });
    this.#joiner.ioDone(node);
  }

  /** The end of the input: what nobody has claimed is nobody's. */
  flush(): void {
    for (const node of [...this.#undecided]) decide(node, undefined, undefined);
  }

  #isWanted(node: TraceNode): boolean {
    const { parent } = node;
    if (parent === undefined) {
      if (this.#options.keepsOrphans) return true;
      this.#account.addConsumed("io_outside_request");
      return false;
    }
    parent.ioCount++;
    if (parent.ioCount <= this.#options.maxPerRequest) return true;
    this.#account.addConsumed("io_limit");
    return false;
  }
}
