/** Takes the engine's verdicts into the kernel, in batches; through the broker where the kernel refuses us. */
import { BpfError } from "../../bpf/error.ts";
import { encodeSocketVerdict, LAYOUT, VerdictAction, VerdictFlags } from "../../bpf/layout.gen.ts";
import type { BpfMap } from "../../bpf/map.ts";
import type { BrokerClient } from "../../ipc/broker-client.ts";
import type { Framing } from "../../mapping/connection/framing.ts";
import type { Verdict } from "../../mapping/connection/verdict.ts";
import { FramingTable } from "./framing-table.ts";

/** VERDICT_GENERATIONS of bpf/control.h. */
const GENERATIONS = 1024;
const VERDICT_SIZE_BYTES = LAYOUT.socket_verdict.sizeBytes;

/** A drop is asked for again when it has run out, and lasts twice as long each time. */
const FIRST_DROP_CALLS = 64;
const LAST_DROP_CALLS = 65_536;
const DROP_IDLE_NS = 5e9;
const REMEMBERED_DROPS = 16_384;
/** The first drops also end when the direction changes: unknown first bytes may lead in a known protocol. */
const UNTIL_TURN_CALLS = 1024;
/** Of a call that brings several messages: 16 records of its bytes. A pipeline of 200 commands has 100 KB where values have 500. */
const WHOLE_BYTES = 131_072;
/** All ones: no place is known. */
const NOWHERE = -1;

interface VerdictMaps {
  readonly verdicts: BpfMap;
  readonly generations: BpfMap;
  readonly framings: BpfMap;
}

export class VerdictWriter {
  readonly #maps: VerdictMaps;
  readonly #client: Pick<BrokerClient, "request">;
  readonly #pending = new Map<number, Verdict>();
  readonly #generations = new Uint32Array(GENERATIONS);
  readonly #dropCalls = new Map<number, number>();
  readonly #framings: FramingTable;
  #serial = 0;
  #isDirect = true;

  /** @param framings of all protocols that are read: the kernel learns of them at once */
  constructor(maps: VerdictMaps, client: Pick<BrokerClient, "request">, framings: readonly Framing[]) {
    this.#maps = maps;
    this.#client = client;
    this.#framings = new FramingTable(framings);
    const { keys, values } = this.#framings.encode();
    this.#write(maps.framings, keys, values);
  }

  add(socketCookie: number, verdict: Verdict): void {
    this.#pending.set(socketCookie, verdict);
  }

  flush(): void {
    if (this.#pending.size === 0) return;
    const count = this.#pending.size;
    const keys = new BigUint64Array(count);
    const values = new Uint8Array(count * VERDICT_SIZE_BYTES);
    const slots = new Set<number>();
    let i = 0;
    for (const [cookie, verdict] of this.#pending) {
      keys[i] = BigInt(cookie);
      this.#encode(new DataView(values.buffer, i * VERDICT_SIZE_BYTES, VERDICT_SIZE_BYTES), cookie, verdict);
      slots.add(cookie % GENERATIONS);
      i++;
    }
    this.#pending.clear();
    // The programs read a verdict only when its slot's generation has moved, so the generations come second.
    this.#write(this.#maps.verdicts, new Uint8Array(keys.buffer), values);
    const slotKeys = Uint32Array.from(slots);
    const slotValues = slotKeys.map((slot) => this.#nextGeneration(slot));
    this.#write(this.#maps.generations, new Uint8Array(slotKeys.buffer), new Uint8Array(slotValues.buffer));
  }

  #nextGeneration(slot: number): number {
    const next = ((this.#generations[slot] ?? 0) + 1) >>> 0;
    this.#generations[slot] = next;
    return next;
  }

  #encode(view: DataView, cookie: number, verdict: Verdict): void {
    this.#serial = (this.#serial + 1) >>> 0 || 1;
    const framing = verdict.mode === "frames" ? this.#framings.indexOf(verdict.framing) : undefined;
    const places = "places" in verdict ? verdict.places : undefined;
    // Without a framing of that number: all of each call.
    const isWhole = verdict.mode === "whole";
    const mode = isWhole || (verdict.mode === "frames" && framing === undefined) ? "all" : verdict.mode;
    const nowhere = mode === "frames" ? NOWHERE : 0;
    const dropCalls = mode === "drop" ? this.#nextDropCalls(cookie) : 0;
    encodeSocketVerdict(view, 0, {
      skipUntilIngress: places?.ingress ?? nowhere,
      skipUntilEgress: places?.egress ?? nowhere,
      dropIdleNs: mode === "drop" ? DROP_IDLE_NS : 0,
      dropCalls,
      action: VerdictAction[mode],
      limit: isWhole ? WHOLE_BYTES : 0,
      flags:
        (mode === "drop" && dropCalls < UNTIL_TURN_CALLS ? VerdictFlags.untilTurn : 0) |
        (verdict.mode === "frames" && verdict.isLocalClient ? VerdictFlags.localClient : 0),
      serial: this.#serial,
      framing: framing ?? 0,
    });
  }

  #nextDropCalls(cookie: number): number {
    const calls = Math.min((this.#dropCalls.get(cookie) ?? FIRST_DROP_CALLS / 2) * 2, LAST_DROP_CALLS);
    if (this.#dropCalls.size >= REMEMBERED_DROPS) this.#dropCalls.clear();
    this.#dropCalls.set(cookie, calls);
    return calls;
  }

  #write(map: BpfMap, keys: Uint8Array, values: Uint8Array): void {
    if (this.#isDirect) {
      try {
        map.setBatch(keys, values);
        return;
      } catch (error) {
        if (!(error instanceof BpfError)) throw error;
        // Before Linux 5.19 bpf(2) is closed to the unprivileged even with a descriptor in hand (c8644cd0efe7).
        this.#isDirect = false;
      }
    }
    const { keySizeBytes, valueSizeBytes } = map.descriptor;
    const entries = Array.from({ length: keys.length / keySizeBytes }, (_, i) => ({
      key: base64(keys.subarray(i * keySizeBytes, (i + 1) * keySizeBytes)),
      value: base64(values.subarray(i * valueSizeBytes, (i + 1) * valueSizeBytes)),
    }));
    // Sockets whose verdict could not be written stay in prefix mode: nothing is lost but time.
    this.#client.request({ type: "map_write", map: map.name, entries }).catch(() => {});
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
