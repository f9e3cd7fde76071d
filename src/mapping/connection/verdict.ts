/**
 * What user space tells the kernel about a socket once it has looked at its first bytes.
 * The kernel may be late in obeying, or not obey at all: nothing here depends on it.
 */
import type { Framing } from "./framing.ts";

export type Verdict =
  /** Nothing of it is wanted. Given only for connections seen from their first byte. */
  | { readonly mode: "drop" }
  /** How long each call is, and none of its bytes. */
  | { readonly mode: "lengths" }
  /** The first bytes of each call, as many as are captured while there is no verdict. */
  | { readonly mode: "prefix"; readonly places?: StreamPlaces }
  /** Every byte, as far as an event holds them. */
  | { readonly mode: "all"; readonly places?: StreamPlaces }
  /** Every byte of much longer calls too, in as many events as that takes. */
  | { readonly mode: "whole"; readonly places?: StreamPlaces }
  /** Of each frame what the framing says. A walk that is under way goes on, whatever the places. */
  | {
      readonly mode: "frames";
      readonly framing: Framing;
      readonly isLocalClient: boolean;
      /** Where a frame starts, now or later. */
      readonly places: StreamPlaces;
    };

/** Offsets of the two streams; before them nothing is wanted. undefined: not known. */
export interface StreamPlaces {
  readonly ingress: number | undefined;
  readonly egress: number | undefined;
}
