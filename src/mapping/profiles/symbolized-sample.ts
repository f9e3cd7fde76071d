import type { Frame } from "../profile.ts";
import type { StackSample } from "./stack-sample.ts";

/** A sample whose addresses have been looked up. */
export interface SymbolizedSample {
  readonly sample: StackSample;
  /** Kernel, then user frames, the leaf first. Frames are shared between samples. */
  readonly stack: readonly Frame[];
}
