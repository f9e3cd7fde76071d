/**
 * HAProxy 2.4+: one loop reads all sockets that are ready, and runs the tasks that this wakes after that. The unit is the
 * task that runs, `current` of the thread's context (struct thread_ctx, include/haproxy/tinfo-t.h): each request has a
 * task of its own (process_stream), which sends it on and sends its answer back. The connections' tasklets read.
 */
import { UnitKind } from "../../bpf/layout.gen.ts";
import { findSymbol } from "../elf/symbols.ts";
import { addressOf, findImage, type Image } from "./images.ts";
import type { ProcessView } from "./process-view.ts";
import { executableTlsOffset } from "./tls.ts";
import type { UnitFinding } from "./unit-plan.ts";

const RUNTIME = "haproxy";
const NAME = /^haproxy/;
const STT_TLS = 6;
const MAX_VERSION_BYTES = 64;
/** Behind the roots of two trees, since the commit of 2.4 that ordered the structure by who uses what. */
const CURRENT_OFFSET = 32;
/** The pointer to the thread's own context: since 2.5, and in 2.4. */
const CONTEXT_SYMBOLS = ["th_ctx", "sched"] as const;
/** Later ones have not been read: another layout would make one unit of all requests. */
const NEWEST = [3, 5] as const;
const OLDEST = [2, 4] as const;

/** @returns undefined when the executable is not HAProxy */
export async function findHaproxy(process: ProcessView): Promise<UnitFinding | undefined> {
  if (!NAME.test(process.executable.slice(process.executable.lastIndexOf("/") + 1))) return undefined;
  const off = (reason: string): UnitFinding => ({ runtime: RUNTIME, off: reason, wanders: true });
  const image = await findImage(process, "executable");
  if (image === undefined) return off("the executable can't be read");
  const version = await versionOf(process, image);
  if (version === undefined) return off("it does not export its version");
  if (!isKnown(version)) return off(`version ${version} is not known: 2.4 to 3.5 are`);
  const context = await contextOffset(image);
  if (context === undefined) return off("the context of its threads is not exported, or not thread-local");
  return {
    runtime: RUNTIME,
    version,
    unitKind: UnitKind.haproxyTask,
    steps: [
      { step: "thread_pointer", operand: context },
      { step: "load", operand: CURRENT_OFFSET },
      { step: "load", operand: 0 },
      { step: "to_unit" },
    ],
    isFinal: true,
  };
}

/** `2.6.12-1+deb12u4` */
async function versionOf(process: ProcessView, image: Image): Promise<string | undefined> {
  const address = await addressOf(image, "haproxy_version");
  if (address === undefined) return undefined;
  const text = new TextDecoder("latin1").decode(await process.memory(address, MAX_VERSION_BYTES));
  return /^\d+\.\d+[^\0]*/.exec(text)?.[0];
}

function isKnown(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  const number = major * 1000 + minor;
  return number >= OLDEST[0] * 1000 + OLDEST[1] && number <= NEWEST[0] * 1000 + NEWEST[1];
}

async function contextOffset({ elf }: Image): Promise<number | undefined> {
  for (const name of CONTEXT_SYMBOLS) {
    const symbol = await findSymbol(elf, name);
    if (symbol?.type === STT_TLS) return executableTlsOffset(elf, symbol.value);
  }
  return undefined;
}
