/**
 * The C functions that we call, typed: libbpf 1.1 and the C library. The only file that imports koffi.
 * Functions return what C returns: 0 or a negative errno, a pointer or null.
 */
import koffi, { type LibraryHandle } from "koffi";
import { LibbpfMissingError } from "./error.ts";

/** An address. koffi checks nothing behind it: a wrong one crashes the process. */
export type Pointer = bigint;
type OptionalPointer = Pointer | null;

export interface Libbpf {
  setPrint(callback: Pointer | null): void;
  openMem(bytes: Uint8Array, size: number, options: Uint8Array): OptionalPointer;
  load(object: Pointer): number;
  close(object: Pointer): void;
  objectBtf(object: Pointer): OptionalPointer;
  nextProgram(object: Pointer, program: OptionalPointer): OptionalPointer;
  programName(program: Pointer): string;
  programSection(program: Pointer): string;
  programSetAutoload(program: Pointer, autoload: boolean): number;
  programAutoload(program: Pointer): boolean;
  programFd(program: Pointer): number;
  programSetExpectedAttachType(program: Pointer, type: number): number;
  programAttach(program: Pointer): OptionalPointer;
  /** Takes the descriptor over: destroying the link closes it. */
  programAttachPerfEvent(program: Pointer, fd: number): OptionalPointer;
  programAttachUprobe(program: Pointer, isReturn: boolean, pid: number, path: string, offset: number): OptionalPointer;
  linkDestroy(link: Pointer): number;
  /** On a thread of its own: closing a uprobe waits for every processor. */
  linkDestroyAsync(link: Pointer): Promise<number>;
  nextMap(object: Pointer, map: OptionalPointer): OptionalPointer;
  mapName(map: Pointer): string;
  mapFd(map: Pointer): number;
  mapType(map: Pointer): number;
  mapKeySize(map: Pointer): number;
  mapValueSize(map: Pointer): number;
  mapMaxEntries(map: Pointer): number;
  mapSetMaxEntries(map: Pointer, entries: number): number;
  mapInitialValue(map: Pointer, size: BigUint64Array): OptionalPointer;
  lookup(fd: number, key: Uint8Array, value: Uint8Array): number;
  update(fd: number, key: Uint8Array, value: Uint8Array, flags: number): number;
  delete(fd: number, key: Uint8Array): number;
  nextKey(fd: number, key: Uint8Array | null, next: Uint8Array): number;
  updateBatch(fd: number, keys: Uint8Array, values: Uint8Array, count: Uint32Array, options: null): number;
  /** A descriptor: the kernel counts as long as it is open. */
  enableStats(type: number): number;
  possibleCpus(): number;
  loadVmlinuxBtf(): OptionalPointer;
  btfFree(btf: Pointer): void;
  btfFindByNameKind(btf: Pointer, name: string, kind: number): number;
  btfTypeById(btf: Pointer, id: number): OptionalPointer;
  btfRawData(btf: Pointer, size: Uint32Array): OptionalPointer;
  btfNameByOffset(btf: Pointer, offset: number): string | null;
}

let loaded: Libbpf | undefined;

/** @throws LibbpfMissingError */
export function libbpf(): Libbpf {
  loaded ??= declareLibbpf();
  return loaded;
}

function declareLibbpf(): Libbpf {
  let library: LibraryHandle;
  try {
    library = koffi.load("libbpf.so.1");
  } catch (cause) {
    throw new LibbpfMissingError({ cause });
  }
  const f = (definition: string) => library.func(definition) as never;
  const destroy = library.func("int bpf_link__destroy(void *link)");
  return {
    setPrint: f("void *libbpf_set_print(void *fn)"),
    openMem: f("void *bpf_object__open_mem(const void *bytes, size_t size, const void *opts)"),
    load: f("int bpf_object__load(void *obj)"),
    close: f("void bpf_object__close(void *obj)"),
    objectBtf: f("void *bpf_object__btf(void *obj)"),
    nextProgram: f("void *bpf_object__next_program(void *obj, void *prog)"),
    programName: f("const char *bpf_program__name(void *prog)"),
    programSection: f("const char *bpf_program__section_name(void *prog)"),
    programSetAutoload: f("int bpf_program__set_autoload(void *prog, bool autoload)"),
    programAutoload: f("bool bpf_program__autoload(void *prog)"),
    programFd: f("int bpf_program__fd(void *prog)"),
    programSetExpectedAttachType: f("int bpf_program__set_expected_attach_type(void *prog, int type)"),
    programAttach: f("void *bpf_program__attach(void *prog)"),
    programAttachPerfEvent: f("void *bpf_program__attach_perf_event(void *prog, int pfd)"),
    programAttachUprobe: f(
      "void *bpf_program__attach_uprobe(void *prog, bool ret, int pid, const char *path, size_t at)",
    ),
    linkDestroy: destroy as never,
    linkDestroyAsync: (link) =>
      new Promise((resolve, reject) => {
        destroy.async(link, (error: Error | null, result: number) => (error ? reject(error) : resolve(result)));
      }),
    nextMap: f("void *bpf_object__next_map(void *obj, void *map)"),
    mapName: f("const char *bpf_map__name(void *map)"),
    mapFd: f("int bpf_map__fd(void *map)"),
    mapType: f("int bpf_map__type(void *map)"),
    mapKeySize: f("uint32_t bpf_map__key_size(void *map)"),
    mapValueSize: f("uint32_t bpf_map__value_size(void *map)"),
    mapMaxEntries: f("uint32_t bpf_map__max_entries(void *map)"),
    mapSetMaxEntries: f("int bpf_map__set_max_entries(void *map, uint32_t max)"),
    mapInitialValue: f("void *bpf_map__initial_value(void *map, void *size)"),
    lookup: f("int bpf_map_lookup_elem(int fd, const void *key, void *value)"),
    update: f("int bpf_map_update_elem(int fd, const void *key, const void *value, uint64_t flags)"),
    delete: f("int bpf_map_delete_elem(int fd, const void *key)"),
    nextKey: f("int bpf_map_get_next_key(int fd, const void *key, void *next)"),
    updateBatch: f(
      "int bpf_map_update_batch(int fd, const void *keys, const void *values, void *count, const void *o)",
    ),
    enableStats: f("int bpf_enable_stats(int type)"),
    possibleCpus: f("int libbpf_num_possible_cpus()"),
    loadVmlinuxBtf: f("void *btf__load_vmlinux_btf()"),
    btfFree: f("void btf__free(void *btf)"),
    btfFindByNameKind: f("int btf__find_by_name_kind(void *btf, const char *name, uint32_t kind)"),
    btfTypeById: f("void *btf__type_by_id(void *btf, uint32_t id)"),
    btfRawData: f("void *btf__raw_data(void *btf, void *size)"),
    btfNameByOffset: f("const char *btf__name_by_offset(void *btf, uint32_t offset)"),
  };
}

interface Libc {
  mmap(address: null, length: number, protection: number, flags: number, fd: number, offset: number): Pointer;
  munmap(address: Pointer, length: number): number;
  memcpy(to: Pointer, from: Uint8Array, length: number): Pointer;
  poll(descriptors: Uint8Array | null, count: number, timeoutMs: number): number;
  clockGettime(clock: number, timespec: BigInt64Array): number;
  prctl(option: number, a: number, b: number, c: number, d: number): number;
  getpagesize(): number;
  close(fd: number): number;
  flock(fd: number, operation: number): number;
  /** syscall(2), for perf_event_open(2), which the C library has no function for. */
  syscallPerfEventOpen(
    number: number,
    attributes: Uint8Array,
    pid: number,
    cpu: number,
    group: number,
    flags: number,
  ): number;
  /** syscall(2), for link types of bpf(2) that libbpf 1.1 does not know. */
  syscallBpf(number: bigint, command: bigint, attributes: Uint8Array, sizeBytes: bigint): number;
  vsnprintf(buffer: Uint8Array, size: number, format: Pointer, list: Pointer): number;
  /** syscall(2) for openat2(2), which the C library has no function for. */
  syscallOpen(number: bigint, folder: number, path: string, how: BigUint64Array, size: bigint): number;
}

let loadedLibc: Libc | undefined;

export function libc(): Libc {
  loadedLibc ??= declareLibc();
  return loadedLibc;
}

function declareLibc(): Libc {
  const library = koffi.load(null);
  const f = (definition: string) => library.func(definition) as never;
  return {
    mmap: f("void *mmap(void *address, size_t length, int protection, int flags, int fd, long offset)"),
    munmap: f("int munmap(void *address, size_t length)"),
    memcpy: f("void *memcpy(void *to, const void *from, size_t length)"),
    poll: f("int poll(void *descriptors, unsigned long count, int timeout)"),
    clockGettime: f("int clock_gettime(int clock, void *timespec)"),
    prctl: f("int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)"),
    getpagesize: f("int getpagesize()"),
    close: f("int close(int fd)"),
    flock: f("int flock(int fd, int operation)"),
    syscallPerfEventOpen: f(
      "long syscall(long number, const void *attributes, int pid, int cpu, int group, unsigned long flags)",
    ),
    syscallBpf: f("long syscall(long number, long command, const void *attributes, size_t size)"),
    vsnprintf: f("int vsnprintf(void *buffer, size_t size, void *format, void *list)"),
    syscallOpen: f("long syscall(long number, long folder, const char *path, const void *how, size_t size)"),
  };
}

/** errno of the last C call of this thread. */
export function errno(): number {
  return koffi.errno();
}

export const MAP_FAILED: Pointer = 0xffffffffffffffffn;

/** The memory itself, not a copy. The caller sees to it that it stays mapped while the buffer is in use. */
export function viewMemory(address: Pointer, length: number): ArrayBuffer {
  return koffi.view(address, length);
}

/** The address of a buffer's first byte, for structs that hold pointers. */
export function addressOf(bytes: Uint8Array): Pointer {
  return koffi.address(bytes);
}

/** A C function pointer for `int (*)(int level, const char *format, va_list)`; lives until the process ends. */
export function registerPrint(print: (level: number, format: Pointer, list: Pointer) => number): Pointer {
  // A va_list argument is passed as a pointer on x86-64 (array type) and on arm64 (a struct above 16 bytes, AAPCS64 6.8.2).
  return koffi.register(print, koffi.pointer(koffi.proto("int libbpf_print(int level, void *format, void *list)")));
}
