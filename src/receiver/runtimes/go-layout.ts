/**
 * Where a Go program has what the BPF programs read (struct go_layout in bpf/control.h): offsets from a table by version
 * (runtime/runtime2.go, runtime/chan.go, net/http), read from DWARF on x86-64 (1.18 and 1.20 are laid out as 1.19), and the functions that
 * net/http's goroutines begin with, from the program's own tables, which strip leaves.
 */

import { type ElfFile, fileOffsetOf, sectionNamed } from "../elf/elf-file.ts";
import { type GoFunction, goFunctions } from "../elf/go-functions.ts";
import { scanSymbols } from "../elf/symbols.ts";
import { GRPC_CLIENT_FUNCTIONS } from "./go-grpc.ts";
import { HANDOVER_FUNCTIONS } from "./go-handovers.ts";
import type { Image } from "./images.ts";
import type { GoPlan } from "./unit-plan.ts";

/** What a program's tables of names say; the rest is its version's. */
type Named =
  | "serveStartPc"
  | "writeLoopStartPc"
  | "readLoopStartPc"
  | "allGoroutines"
  | "allProcessors"
  | "goidCounter"
  | "libraryStart"
  | "libraryLength"
  | "http2Start"
  | "http2Length"
  | "xHttp2Start"
  | "xHttp2Length"
  | "http2CallStartPc"
  | "xHttp2CallStartPc"
  | "grpcStartPc"
  | "waitGroupAdd"
  | "waitGroupAddLength";
type Offsets = Omit<GoPlan, Named>;

/** serve's receiver is spilled into the frame of the function that `go` made for the call: the same in all versions. */
const CONNECTION = 72;
const WRITE_REQUEST = 104;
const CURRENT_REQUEST = 112;

function offsets(
  goid: number,
  parentGoid: number,
  processor: number,
  goidCache: number,
  receiveQueue: number,
  over: Partial<Offsets> = {},
): Offsets {
  return {
    goid,
    parentGoid,
    startPc: parentGoid + 24,
    processor,
    goidCache,
    receiveQueue,
    sudogChannel: 80,
    writeRequest: WRITE_REQUEST,
    connection: CONNECTION,
    requestContext: 248,
    currentRequest: CURRENT_REQUEST,
    ...over,
  };
}

/** Behind what is read of struct g, so it is 0: until 1.21 a goroutine does not know who made it. */
const NO_PARENT = 504;
const UNTIL_1_20 = offsets(152, NO_PARENT, 208, 384, 56, { startPc: 312, writeRequest: 136, requestContext: 232 });

const BY_MINOR = new Map<number, Offsets>([
  // Until 1.19 the pointer is in an atomic.Value, behind its type.
  [18, { ...UNTIL_1_20, currentRequest: CURRENT_REQUEST + 8 }],
  [19, { ...UNTIL_1_20, currentRequest: CURRENT_REQUEST + 8 }],
  [20, UNTIL_1_20],
  [21, offsets(152, 272, 208, 384, 56, { writeRequest: 136, requestContext: 232 })],
  [22, offsets(152, 272, 208, 384, 56, { requestContext: 232 })],
  [23, offsets(160, 280, 208, 376, 64)],
  [24, offsets(160, 280, 208, 376, 64)],
  [25, offsets(152, 272, 200, 376, 64)],
  [26, offsets(152, 280, 208, 384, 64, { sudogChannel: 88 })],
]);

const SERVE = "net/http.(*conn).serve";
const WRITE_LOOP = "net/http.(*persistConn).writeLoop";
const READ_LOOP = "net/http.(*persistConn).readLoop";
const HTTP2_CALL = "net/http.(*http2clientStream).doRequest";
/** Since 1.22; before, in RoundTrip itself. */
const HTTP2_CALL_STARTERS = ["net/http.(*http2ClientConn).roundTrip.", "net/http.(*http2ClientConn).RoundTrip."];
const X_HTTP2_CALL = "golang.org/x/net/http2.(*clientStream).doRequest";
const X_HTTP2_CALL_STARTERS = [
  "golang.org/x/net/http2.(*ClientConn).roundTrip.",
  "golang.org/x/net/http2.(*ClientConn).RoundTrip.",
];
const HTTP2_SERVER = "net/http.(*http2serverConn).";
const X_HTTP2_SERVER = "golang.org/x/net/http2.(*serverConn).";
const GRPC_HANDLE_STREAM = "google.golang.org/grpc.(*Server).handleStream";
const GRPC_STARTER = "google.golang.org/grpc.(*Server).serveStreams.";
const WAIT_GROUP_ADD = "sync.(*WaitGroup).Add";
/** What begins so starts goroutines that dial and hand connections over. A package's code lies in one piece. */
const LIBRARY: readonly string[] = ["net/http.(*Transport).", "net/http.(*http2"];
/** What `go f(x)` starts is a small function, named after the one that the statement stands in, which calls f. */
const SERVE_STARTER = "net/http.(*Server).Serve.";
const WRITE_LOOP_STARTER = "net/http.(*Transport).dialConn.";
const NEW_GOROUTINE = "runtime.newproc1";
const STARTER_LIMIT_BYTES = 512;
const NEW_GOROUTINE_LIMIT_BYTES = 8192;

/** What is read of a program passes through two other processes, and its first calls are not to wait for that. */
const SYMBOLS_LIMIT_BYTES = 512 << 10;

const SCHEDULER = "runtime.sched";
const ALL_GOROUTINES = "runtime.allgs";
const ALL_PROCESSORS = "runtime.allp";

/** What is needed of a program's tables of names: addresses are the file's own. */
interface GoNames {
  readonly functions: readonly GoFunction[];
  readonly scheduler: number | undefined;
  readonly allGoroutines: number | undefined;
  readonly allProcessors: number | undefined;
}

/** Modules beside Go's own whose functions are looked for, where the program is built with them. */
const MODULES: readonly {
  readonly path: string;
  readonly called: readonly string[];
  readonly starters: readonly string[];
}[] = [
  { path: "golang.org/x/net", called: [X_HTTP2_CALL], starters: [X_HTTP2_SERVER, ...X_HTTP2_CALL_STARTERS] },
  {
    path: "google.golang.org/grpc",
    called: [GRPC_HANDLE_STREAM, ...GRPC_CLIENT_FUNCTIONS],
    starters: [GRPC_STARTER],
  },
];

/**
 * From .symtab, which is read in one go; large and stripped programs have .gopclntab, of which little is read.
 *
 * @param hasModule whether the program is built with the module of this path
 */
export async function goNames(elf: ElfFile, hasModule: (path: string) => boolean): Promise<GoNames> {
  const modules = MODULES.filter(({ path }) => hasModule(path));
  const called = [
    ...[SERVE, WRITE_LOOP, READ_LOOP, HTTP2_CALL, NEW_GOROUTINE, WAIT_GROUP_ADD, ...HANDOVER_FUNCTIONS],
    ...modules.flatMap((module) => module.called),
  ];
  const exact = [...called, SCHEDULER, ALL_GOROUTINES, ALL_PROCESSORS];
  const starters = [SERVE_STARTER, ...LIBRARY, ...modules.flatMap((module) => module.starters)];
  const isWanted = (name: string) => exact.includes(name) || starters.some((starter) => name.startsWith(starter));
  const words = [...exact.map((name) => `${name}\0`), ...starters];
  const isLarge = (sectionNamed(elf, ".symtab")?.sizeBytes ?? 0) > SYMBOLS_LIMIT_BYTES;
  const symbols = isLarge ? [] : await scanSymbols(elf, ".symtab", words, (name) => isWanted(name.toString("latin1")));
  if (symbols.length === 0) {
    const functions = await goFunctions(elf, [...called.map((name) => `${name}\0`), ...starters]);
    return { functions, scheduler: undefined, allGoroutines: undefined, allProcessors: undefined };
  }
  const addressOf = (name: string) => symbols.find((symbol) => symbol.name === name)?.value;
  return {
    functions: symbols.map(({ name, value, sizeBytes }) => ({ name, address: value, sizeBytes })),
    scheduler: addressOf(SCHEDULER),
    allGoroutines: addressOf(ALL_GOROUTINES),
    allProcessors: addressOf(ALL_PROCESSORS),
  };
}

/** The goid's offset in struct g; undefined for a version whose layout is not known. */
export function goidOffset(minor: number): number | undefined {
  return BY_MINOR.get(minor)?.goid;
}

/** @returns undefined for a version whose layout is not known */
export async function goLayout(image: Image, minor: number, names: GoNames): Promise<GoPlan | undefined> {
  const known = BY_MINOR.get(minor);
  if (known === undefined) return undefined;
  const { functions, scheduler } = names;
  const [serveStartPc, writeLoopStartPc, readLoopStartPc, http2CallStartPc, xHttp2CallStartPc, grpcStartPc, counter] =
    await Promise.all([
      starterOf(image, functions, SERVE, SERVE_STARTER),
      starterOf(image, functions, WRITE_LOOP, WRITE_LOOP_STARTER),
      starterOf(image, functions, READ_LOOP, WRITE_LOOP_STARTER),
      starterOf(image, functions, HTTP2_CALL, ...HTTP2_CALL_STARTERS),
      starterOf(image, functions, X_HTTP2_CALL, ...X_HTTP2_CALL_STARTERS),
      starterOf(image, functions, GRPC_HANDLE_STREAM, GRPC_STARTER),
      scheduler === undefined ? goidCounter(image, functions) : image.loadBias + scheduler,
    ]);
  const library = rangeOf(image, functions, LIBRARY);
  const http2 = rangeOf(image, functions, [HTTP2_SERVER]);
  const xHttp2 = rangeOf(image, functions, [X_HTTP2_SERVER]);
  const waitGroup = functions.find(({ name }) => name === WAIT_GROUP_ADD);
  return {
    ...known,
    serveStartPc,
    writeLoopStartPc,
    readLoopStartPc,
    allGoroutines: names.allGoroutines === undefined ? 0 : image.loadBias + names.allGoroutines,
    allProcessors: names.allProcessors === undefined ? 0 : image.loadBias + names.allProcessors,
    goidCounter: counter,
    http2CallStartPc,
    xHttp2CallStartPc,
    grpcStartPc,
    libraryStart: library.start,
    libraryLength: library.length,
    http2Start: http2.start,
    http2Length: http2.length,
    xHttp2Start: xHttp2.start,
    xHttp2Length: xHttp2.length,
    waitGroupAdd: waitGroup === undefined ? 0 : image.loadBias + waitGroup.address,
    waitGroupAddLength: waitGroup?.sizeBytes ?? 0,
  };
}

/** From the first to the last function whose name begins so, as the process has them; 0, 0: none. */
function rangeOf(
  image: Image,
  functions: readonly GoFunction[],
  prefixes: readonly string[],
): { readonly start: number; readonly length: number } {
  const found = functions.filter(({ name }) => prefixes.some((prefix) => name.startsWith(prefix)));
  if (found.length === 0) return { start: 0, length: 0 };
  const start = Math.min(...found.map(({ address }) => address));
  const end = Math.max(...found.map(({ address, sizeBytes }) => address + sizeBytes));
  return { start: image.loadBias + start, length: end - start };
}

/** The function under one of `prefixes` that calls `target`, as the process has it; 0: none, or more than one. */
async function starterOf(
  image: Image,
  functions: readonly GoFunction[],
  target: string,
  ...prefixes: readonly string[]
): Promise<number> {
  const wanted = functions.find(({ name }) => name === target);
  if (wanted === undefined) return 0;
  const candidates = functions.filter(
    ({ name, sizeBytes }) => prefixes.some((prefix) => name.startsWith(prefix)) && sizeBytes <= STARTER_LIMIT_BYTES,
  );
  const codes = await Promise.all(candidates.map((candidate) => codeOf(image, candidate)));
  const found = candidates.filter(({ address }, index) => callsIn(codes[index]!, address).includes(wanted.address));
  return found.length === 1 ? image.loadBias + found[0]!.address : 0;
}

async function codeOf(image: Image, { address, sizeBytes }: GoFunction): Promise<Uint8Array> {
  const offset = fileOffsetOf(image.elf, address);
  return offset === undefined
    ? new Uint8Array()
    : image.elf.source.read(offset, Math.min(sizeBytes, NEW_GOROUTINE_LIMIT_BYTES));
}

/** Targets of what may be `call rel32`. */
function callsIn(code: Uint8Array, address: number): number[] {
  const CALL = 0xe8;
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const targets: number[] = [];
  for (let at = 0; at + 5 <= code.length; at++) {
    if (code[at] === CALL) targets.push(address + at + 5 + view.getInt32(at + 1, true));
  }
  return targets;
}

/**
 * schedt begins with goidgen. Where it has no symbol: newproc1 takes 16 ids at once from it, the only place where it adds 16
 * to something atomically: `mov $16, %r; lea goidgen(%rip), %p; lock xadd %r, (%p)`.
 */
async function goidCounter(image: Image, functions: readonly GoFunction[]): Promise<number> {
  const newGoroutine = functions.find(({ name }) => name === NEW_GOROUTINE);
  if (newGoroutine === undefined) return 0;
  const code = await codeOf(image, newGoroutine);
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const found = new Set<number>();
  for (let at = 13; at + 5 <= code.length; at++) {
    const isLockedAdd = code[at] === 0xf0 && (code[at + 1]! & 0xf8) === 0x48 && view.getUint16(at + 2) === 0x0fc1;
    const isAddress = (code[at - 7]! & 0xf8) === 0x48 && code[at - 6] === 0x8d && (code[at - 5]! & 0xc7) === 0x05;
    const isSixteen = view.getUint32(at - 11, true) === 16 && (code[at - 12]! & 0xf8) === 0xb8;
    if (isLockedAdd && isAddress && isSixteen) found.add(newGoroutine.address + at + view.getInt32(at - 4, true));
  }
  const [address] = found;
  return found.size === 1 && address !== undefined ? image.loadBias + address : 0;
}
