/** Profiles in two halves of about as many samples, for a server that takes only smaller requests. */
import type { Profile } from "../profile.ts";

/** undefined: one sample can't be cut. */
export function halveProfiles(profiles: readonly Profile[]): [Profile[], Profile[]] | undefined {
  const total = profiles.reduce((sum, { samples }) => sum + samples.length, 0);
  if (total < 2) return undefined;
  const middle = total >> 1;
  const first: Profile[] = [];
  const second: Profile[] = [];
  let before = 0;
  for (const profile of profiles) {
    const { samples } = profile;
    const cut = Math.min(samples.length, Math.max(0, middle - before));
    if (cut === samples.length) first.push(profile);
    else if (cut === 0) second.push(profile);
    else {
      first.push({ ...profile, samples: samples.slice(0, cut) });
      second.push({ ...profile, samples: samples.slice(cut) });
    }
    before += samples.length;
  }
  return [first, second];
}
