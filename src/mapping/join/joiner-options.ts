/** What a joiner is told of its surroundings. */
import type { SdkSpans } from "./evidence/instrumented.ts";
import type { Watch } from "./watch/watch.ts";

export interface JoinerOptions {
  readonly sdkSpans?: SdkSpans | undefined;
  /** false: the runtime of this process moves its units between threads, or is not known yet. */
  readonly areThreadsUnits?: ((tgid: number) => boolean) | undefined;
  /** Whether what goroutines of this process hand over is to be told. */
  readonly watch?: Watch | undefined;
}
