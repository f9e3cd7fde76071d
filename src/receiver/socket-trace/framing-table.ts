/** The framings of the protocols as the kernel knows them: by their place in the map `framings`. */
import { encodeFraming, type FrameRule, LAYOUT } from "../../bpf/layout.gen.ts";
import { copyOf, type Framing } from "../../mapping/connection/framing.ts";
import { Sender } from "../../mapping/protocols/protocol.ts";

/** FRAMINGS, SIGNATURES and NO_FRAME_TYPE of bpf/control.h. */
const MAX_FRAMINGS = 32;
const MAX_SIGNATURES = 4;
const NO_TYPE = 255;
const TYPES = Array.from({ length: 256 }, (_, type) => type);

export class FramingTable {
  readonly #indexes = new Map<Framing, number>();

  /** Those with a preface first: the kernel looks for no other. What has no place is captured as calls. */
  constructor(framings: readonly Framing[]) {
    const known = [...new Set(framings)];
    const withPreface = known.filter(({ preface }) => preface !== undefined).slice(0, MAX_SIGNATURES);
    const others = known.filter((framing) => !withPreface.includes(framing));
    // A framing without a preface among the first has a signature of zeros, which matches nothing.
    for (const framing of [...withPreface, ...others].slice(0, MAX_FRAMINGS)) {
      this.#indexes.set(framing, this.#indexes.size);
    }
  }

  indexOf(framing: Framing): number | undefined {
    return this.#indexes.get(framing);
  }

  /** Keys and values of the map. */
  encode(): { readonly keys: Uint8Array; readonly values: Uint8Array } {
    const size = LAYOUT.framing.sizeBytes;
    const keys = Uint32Array.from(this.#indexes.values());
    const values = new Uint8Array(keys.length * size);
    for (const [framing, index] of this.#indexes) {
      encodeFraming(new DataView(values.buffer, index * size, size), 0, {
        signature: Buffer.from((framing.preface ?? "").padEnd(8, "\0").slice(0, 8), "latin1"),
        prefaceLength: framing.preface?.length ?? 0,
        maximum: framing.maximumBytes,
        lengthBias: framing.length.bias,
        headerLength: framing.headerBytes,
        lengthOffset: framing.length.offset,
        lengthShift: 32 - framing.length.bytes * 8,
        littleEndian: framing.length.isLittleEndian ? 1 : 0,
        typeOffset: framing.typeOffset ?? NO_TYPE,
        client: rules(framing, Sender.client),
        server: rules(framing, Sender.server),
      });
    }
    return { keys: new Uint8Array(keys.buffer), values };
  }
}

function rules(framing: Framing, sender: Sender): FrameRule[] {
  return TYPES.map((type) => copyOf(framing, sender, type));
}
