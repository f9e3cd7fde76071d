/** Where uprobes see who asks for the calls of grpc-go's client (bpf/go_grpc.bpf.h). */
import type { GoFunction } from "../elf/go-functions.ts";
import { type NamedProgram, probesOf } from "./go-handovers.ts";
import type { Image } from "./images.ts";
import type { ProcessView } from "./process-view.ts";
import type { UprobePlan } from "./unit-plan.ts";

const TRANSPORT = "google.golang.org/grpc/internal/transport";

const PROGRAMS: readonly NamedProgram[] = [
  { name: `${TRANSPORT}.(*http2Client).NewStream`, program: "go_grpc_ask" },
  { name: `${TRANSPORT}.(*controlBuffer).executeAndPut`, program: "go_grpc_put" },
  { name: `${TRANSPORT}.(*loopyWriter).writeHeader`, program: "go_grpc_header" },
];

export const GRPC_CLIENT_FUNCTIONS: readonly string[] = PROGRAMS.map(({ name }) => name);

/** @returns undefined where the program has no such client */
export function grpcCallsOf(
  process: ProcessView,
  image: Image,
  functions: readonly GoFunction[],
): Promise<readonly UprobePlan[] | undefined> {
  return probesOf(process, image, functions, PROGRAMS);
}
