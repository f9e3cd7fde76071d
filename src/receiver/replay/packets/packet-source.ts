/** Packets to events: link layer, IP, flows. Counts what it does not use, with the reason. */
import { StageAccount } from "../../../mapping/account.ts";
import type { PacketSink } from "../capture.ts";
import type { CaptureProblem } from "../error.ts";
import type { ReplayClock } from "../replay-clock.ts";
import type { EventSink } from "./capture-events.ts";
import { FlowTable } from "./flow-table.ts";
import { isKnownLinkType, networkHeaderOffset } from "./link-layer.ts";
import { type DecodedPacket, NetworkDecoder, TransportProtocol } from "./network-layer.ts";
import { openTunnel } from "./tunnel.ts";

const ADVANCE_NS = 50e6;
/** A capture that goes back in time by more is another one. */
const RESTART_NS = 5e9;
/** One in another. */
const MAX_TUNNELS = 4;

interface PacketSourceOptions {
  readonly clock: ReplayClock;
  readonly tgid: () => number;
  advance(nowNs: number): void;
  /** The time begins anew: everything that is held must leave first. */
  restart(): void;
  problem(problem: CaptureProblem): void;
}

export class PacketSource implements PacketSink {
  readonly accounts: readonly StageAccount[];
  readonly #packets = new StageAccount("replay_packets", "packets");
  readonly #network = new NetworkDecoder();
  readonly #flows: FlowTable;
  readonly #options: PacketSourceOptions;
  #nowNs = 0;
  #nextAdvanceNs = 0;

  constructor(sink: EventSink, options: PacketSourceOptions) {
    const bytes = new StageAccount("replay_flows", "bytes");
    this.#options = options;
    this.#flows = new FlowTable(sink, bytes, options.tgid);
    this.accounts = [this.#packets, bytes];
  }

  packet(seconds: number, nanoseconds: number, linkType: number, bytes: Uint8Array, originalLength: number): void {
    const packets = this.#packets;
    packets.addIn();
    const at = networkHeaderOffset(linkType, bytes);
    if (at < 0) {
      if (isKnownLinkType(linkType)) packets.addConsumed("not_ip");
      else packets.addLost("unknown_link_type");
      return;
    }
    const nowNs = this.#time(seconds, nanoseconds);
    const payload = this.#decode(at === 0 ? bytes : bytes.subarray(at), originalLength - at, nowNs);
    if (payload === "fragment") {
      packets.addConsumed("fragment");
    } else if (payload === undefined) {
      packets.addLost("damaged");
    } else if (payload.protocol !== TransportProtocol.tcp && payload.protocol !== TransportProtocol.udp) {
      packets.addConsumed("not_tcp_or_udp");
    } else if (payload.bytes.length >= 4 && this.#flows.packet(payload, nowNs)) {
      packets.addOut();
    } else {
      packets.addLost("header_cut");
    }
  }

  problem(problem: CaptureProblem): void {
    this.#options.problem(problem);
  }

  /** After the last file, and before the time begins anew. */
  flush(): void {
    this.#flows.flush(this.#nowNs);
    this.#nowNs = 0;
    this.#nextAdvanceNs = 0;
  }

  /** The innermost packet of tunnels. */
  #decode(packet: Uint8Array, wireLength: number, nowNs: number): DecodedPacket {
    let payload = this.#network.decode(packet, wireLength, nowNs);
    for (let depth = 0; depth < MAX_TUNNELS && typeof payload === "object"; depth++) {
      const content = openTunnel(payload);
      if (content === undefined) return payload;
      payload = this.#network.decode(content.packet, content.wireLength, nowNs, content.networkId);
    }
    return payload;
  }

  #time(seconds: number, nanoseconds: number): number {
    let nowNs = this.#options.clock.timestampNs(seconds, nanoseconds);
    if (nowNs < this.#nowNs - RESTART_NS) {
      this.flush();
      this.#options.restart();
      this.#options.clock.reset();
      nowNs = this.#options.clock.timestampNs(seconds, nanoseconds);
    }
    // Time never goes back for the stages behind: a packet that is late in the file counts as seen now.
    if (nowNs < this.#nowNs) return this.#nowNs;
    this.#nowNs = nowNs;
    if (nowNs >= this.#nextAdvanceNs) {
      this.#nextAdvanceNs = nowNs + ADVANCE_NS;
      this.#options.advance(nowNs);
    }
    return nowNs;
  }
}
