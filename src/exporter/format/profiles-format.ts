/** Profiles to requests, in protobuf or JSON. */
import { profilesRequestJson } from "../../mapping/otlp/profiles/profiles-json.ts";
import { encodeProfilesRequest } from "../../mapping/otlp/profiles/profiles-request.ts";
import type { Profile } from "../../mapping/profile.ts";
import { halveProfiles } from "../../mapping/profiles/split-profiles.ts";
import type { QueuedRequest } from "../queue/send-outcome.ts";
import { bytesForm, type OpenBatch, type RequestFormat } from "./request-format.ts";

type Encode = (profiles: readonly Profile[]) => Uint8Array;
type Queued = QueuedRequest<Uint8Array>;

/** On the high side: a request's dictionary is shared, so that its own bytes are fewer. */
const SAMPLE_BYTES = 64;
const FRAME_BYTES = 24;

/** Requests keep their profiles: a dictionary can't be cut in two. One that was read from a disk stays whole. */
function formatOf(name: string, encode: Encode): RequestFormat<Uint8Array, Profile> {
  const contents = new WeakMap<Uint8Array, readonly Profile[]>();
  const queued = (profiles: readonly Profile[], itemCount: number): QueuedRequest<Uint8Array> => {
    const body = encode(profiles);
    contents.set(body, profiles);
    return { body, itemCount, sizeBytes: body.length };
  };
  const halve = ({ body, itemCount }: QueuedRequest<Uint8Array>): [Queued, Queued] | undefined => {
    const halves = halveProfiles(contents.get(body) ?? []);
    if (halves === undefined) return undefined;
    // A profile that was cut counts once, in the first half.
    const firstCount = Math.min(itemCount, halves[0].length);
    return [queued(halves[0], firstCount), queued(halves[1], itemCount - firstCount)];
  };
  const fitting = (request: Queued, maxSizeBytes: number): Queued[] => {
    const halves = request.sizeBytes > maxSizeBytes ? halve(request) : undefined;
    return halves === undefined ? [request] : halves.flatMap((half) => fitting(half, maxSizeBytes));
  };
  return {
    stored: bytesForm(name),
    open: () => new ProfileBatch((profiles, maxSizeBytes) => fitting(queued(profiles, profiles.length), maxSizeBytes)),
    halve,
  };
}

export const profilesProtobufFormat = formatOf("otlp_proto", encodeProfilesRequest);
export const profilesJsonFormat = formatOf("otlp_json", (profiles) => Buffer.from(profilesRequestJson(profiles)));

class ProfileBatch implements OpenBatch<Uint8Array, Profile> {
  readonly #encode: (profiles: readonly Profile[], maxSizeBytes: number) => QueuedRequest<Uint8Array>[];
  #profiles: Profile[] = [];
  #sizeBytes = 0;

  constructor(encode: (profiles: readonly Profile[], maxSizeBytes: number) => QueuedRequest<Uint8Array>[]) {
    this.#encode = encode;
  }

  get itemCount(): number {
    return this.#profiles.length;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  add(profiles: readonly Profile[]): void {
    for (const profile of profiles) {
      this.#profiles.push(profile);
      for (const { stack } of profile.samples) this.#sizeBytes += SAMPLE_BYTES + FRAME_BYTES * stack.length;
    }
  }

  finish(maxSizeBytes: number): QueuedRequest<Uint8Array>[] {
    const profiles = this.#profiles;
    this.#profiles = [];
    this.#sizeBytes = 0;
    return profiles.length === 0 ? [] : this.#encode(profiles, maxSizeBytes);
  }
}
