/** Where uprobes see goroutines begin that serve one stream each, of HTTP/2 (bpf/unit/go_stream.bpf.h). */
import type { GoFunction } from "../elf/go-functions.ts";
import { type NamedProgram, probesOf } from "./go-handovers.ts";
import type { Image } from "./images.ts";
import type { ProcessView } from "./process-view.ts";
import type { UprobePlan } from "./unit-plan.ts";

/** Of net/http, also as golang.org/x/net/http2, and of grpc-go. */
const PROGRAMS: readonly NamedProgram[] = [
  { name: "net/http.(*http2serverConn).runHandler", program: "go_http2_handler" },
  { name: "golang.org/x/net/http2.(*serverConn).runHandler", program: "go_http2_handler" },
  { name: "google.golang.org/grpc.(*Server).handleStream", program: "go_grpc_handler" },
];

/** @returns undefined where the program has no such server */
export async function handlersOf(
  process: ProcessView,
  image: Image,
  functions: readonly GoFunction[],
): Promise<readonly UprobePlan[] | undefined> {
  const found = await Promise.all(PROGRAMS.map((program) => probesOf(process, image, functions, [program])));
  const probes = found.flatMap((probe) => probe ?? []);
  return probes.length > 0 ? probes : undefined;
}
