/** One BPF object file: open, configure, load, attach. Everything it holds is freed by dispose, in any state. */
import { Btf } from "./btf.ts";
import { BpfError, BpfPermissionError, LayoutMismatchError, VerifierError } from "./error.ts";
import { layoutDifference, type StructLayouts } from "./layout-check.ts";
import { addressOf, errno, libbpf, libc, type Pointer, viewMemory } from "./libbpf.ts";
import { captureLibbpfLog } from "./libbpf-log.ts";
import { BpfMap } from "./map.ts";
import { BPF_TRACE_UPROBE_MULTI, linkUprobe, unlinkUprobe } from "./uprobe-link.ts";
import { findVariable } from "./variable.ts";

const EPERM = 1;
/** Of programs that are attached to places in files of processes. */
export const UPROBE_SECTIONS: ReadonlySet<string | undefined> = new Set(["uprobe", "uretprobe"]);

interface AttachedProgram {
  readonly program: string;
  readonly section: string;
}

export class BpfObject implements Disposable {
  readonly name: string;
  readonly #handle: Pointer;
  readonly #programs = new Map<string, Pointer>();
  readonly #maps = new Map<string, Pointer>();
  readonly #links = new Map<string, Pointer>();
  /** Detach one each. */
  readonly #uprobes = new Set<() => Promise<unknown>>();
  #hasUprobeLinks = false;
  #isLoaded = false;
  #isDisposed = false;

  private constructor(name: string, handle: Pointer) {
    this.name = name;
    this.#handle = handle;
    const library = libbpf();
    for (let p = library.nextProgram(handle, null); p !== null; p = library.nextProgram(handle, p)) {
      this.#programs.set(library.programName(p), p);
    }
    for (let m = library.nextMap(handle, null); m !== null; m = library.nextMap(handle, m)) {
      this.#maps.set(library.mapName(m), m);
    }
  }

  /** @param name what errors call it, 15 characters at most are shown by bpftool */
  static open(name: string, bytes: Uint8Array): BpfObject {
    const library = libbpf();
    const nameBytes = Buffer.from(`${name}\0`);
    // struct bpf_object_open_opts of libbpf 1.1: { size_t sz; const char *object_name; ... }
    const options = new BigUint64Array([16n, addressOf(nameBytes)]);
    const { result: handle, log } = captureLibbpfLog(library, () =>
      library.openMem(bytes, bytes.length, new Uint8Array(options.buffer)),
    );
    // koffi sees only a number in `options`: the name must outlive the call.
    if (handle === null || nameBytes.length === 0) throw new BpfError(`open ${name}`, errno(), log.trim());
    return new BpfObject(name, handle);
  }

  /** Program name to ELF section. */
  get programs(): ReadonlyMap<string, string> {
    return new Map([...this.#programs].map(([name, handle]) => [name, libbpf().programSection(handle)]));
  }

  /** @throws LayoutMismatchError when the decoder was made for another object */
  checkLayout(layout: StructLayouts): void {
    const library = libbpf();
    const btf = library.objectBtf(this.#handle);
    const size = new Uint32Array(1);
    const raw = btf === null ? null : library.btfRawData(btf, size);
    if (raw === null) throw new LayoutMismatchError(this.name, "the object has no BTF");
    const difference = layoutDifference(new Btf(new Uint8Array(viewMemory(raw, size[0] ?? 0))), layout);
    if (difference !== undefined) throw new LayoutMismatchError(this.name, difference);
  }

  /** Exactly these programs are loaded; the others stay in the file. */
  selectPrograms(names: ReadonlySet<string>): void {
    for (const name of names) this.#program(name);
    for (const [name, handle] of this.#programs) libbpf().programSetAutoload(handle, names.has(name));
  }

  /** Those that load brings into the kernel. */
  get selectedPrograms(): readonly string[] {
    return [...this.#programs].filter(([, handle]) => libbpf().programAutoload(handle)).map(([name]) => name);
  }

  /** Uprobes are attached as links of their own (uprobe-link.ts), not as perf events. Before load only. */
  useUprobeLinks(): void {
    this.#hasUprobeLinks = true;
    for (const handle of this.#programs.values())
      if (UPROBE_SECTIONS.has(libbpf().programSection(handle)))
        libbpf().programSetExpectedAttachType(handle, BPF_TRACE_UPROBE_MULTI);
  }

  /** Sets a `const volatile` variable of .rodata: the verifier then sees a constant. Before load only. */
  setConstant(variable: string, value: number | bigint | Uint8Array): void {
    const library = libbpf();
    const btf = library.objectBtf(this.#handle);
    const place = btf === null ? undefined : findVariable(btf, ".rodata", variable);
    const map = [...this.#maps].find(([name]) => name.endsWith(".rodata"))?.[1];
    if (place === undefined || map === undefined) throw new BpfError(`constant ${variable} of ${this.name}`, 2);
    const size = new BigUint64Array(1);
    const memory = library.mapInitialValue(map, size);
    if (memory === null || this.#isLoaded) throw new BpfError(`constant ${variable} of ${this.name}`, 22);
    const view = new DataView(viewMemory(memory, Number(size[0])), place.offset, place.sizeBytes);
    writeConstant(view, variable, value);
  }

  setMaxEntries(map: string, entries: number): void {
    const result = libbpf().mapSetMaxEntries(this.#map(map), entries);
    if (result < 0) throw new BpfError(`size of map ${map}`, -result);
  }

  /** @throws VerifierError with the log, BpfPermissionError */
  load(): void {
    const library = libbpf();
    const { result, log } = captureLibbpfLog(library, () => library.load(this.#handle));
    if (result === 0) {
      this.#isLoaded = true;
      return;
    }
    if (log.includes("BEGIN PROG LOAD LOG")) throw new VerifierError(this.name, log);
    if (-result === EPERM) throw new BpfPermissionError(`load ${this.name}`, withoutLimit(log));
    throw new BpfError(`load ${this.name}`, -result, log.trim());
  }

  /** Of a program that load brought into the kernel. */
  programFd(program: string): number {
    return libbpf().programFd(this.#program(program));
  }

  attach(program: string): AttachedProgram {
    const library = libbpf();
    const handle = this.#program(program);
    const section = library.programSection(handle);
    const { result: link, log } = captureLibbpfLog(library, () => library.programAttach(handle));
    if (link === null) throw new BpfError(`attach ${program} (${section})`, errno(), log.trim());
    this.#links.set(program, link);
    return { program, section };
  }

  /** @param fd of perf_event_open(2): the link owns it, also when this throws */
  attachPerfEvent(program: string, fd: number, linkName: string): void {
    const library = libbpf();
    const handle = this.#program(program);
    const { result: link, log } = captureLibbpfLog(library, () => library.programAttachPerfEvent(handle, fd));
    if (link === null) {
      const reason = errno();
      libc().close(fd);
      throw new BpfError(`attach ${program} to ${linkName}`, reason, log.trim());
    }
    this.detachLink(linkName);
    this.#links.set(linkName, link);
  }

  /** One link by its name, which is the program's or what attachPerfEvent was given. */
  detachLink(name: string): void {
    const link = this.#links.get(name);
    if (link === undefined) return;
    libbpf().linkDestroy(link);
    this.#links.delete(name);
  }

  /**
   * A program of section `uprobe` or `uretprobe` (when the function there returns), at a place of a file that a process has
   * mapped, for this process alone.
   *
   * @param offset of an instruction's first byte in the file: another one breaks the process
   * @returns detaches, on another thread; dispose of the object does it too
   * @throws BpfError
   */
  attachUprobe(program: string, tgid: number, path: string, offset: number): () => Promise<void> {
    const library = libbpf();
    const handle = this.#program(program);
    const isReturn = library.programSection(handle) === "uretprobe";
    let detach: () => Promise<unknown>;
    if (this.#hasUprobeLinks) {
      const fd = linkUprobe(program, library.programFd(handle), { tgid, path, offset, isReturn });
      detach = () => unlinkUprobe(fd);
    } else {
      const { result: link, log } = captureLibbpfLog(library, () =>
        library.programAttachUprobe(handle, isReturn, tgid, path, offset),
      );
      if (link === null) throw new BpfError(`attach ${program} to process ${tgid}`, errno(), log.trim());
      detach = () => library.linkDestroyAsync(link);
    }
    this.#uprobes.add(detach);
    return async () => {
      if (this.#uprobes.delete(detach)) await detach();
    };
  }

  /** @throws BpfError if the object has no such map */
  map(name: string): BpfMap {
    const library = libbpf();
    const handle = this.#map(name);
    return new BpfMap({
      name,
      fd: library.mapFd(handle),
      type: library.mapType(handle),
      keySizeBytes: library.mapKeySize(handle),
      valueSizeBytes: library.mapValueSize(handle),
      maxEntries: library.mapMaxEntries(handle),
    });
  }

  get mapNames(): readonly string[] {
    return [...this.#maps.keys()];
  }

  /** @param program all, if none is named */
  detach(program?: string): void {
    for (const [name, link] of this.#links) {
      if (program !== undefined && name !== program) continue;
      libbpf().linkDestroy(link);
      this.#links.delete(name);
    }
    if (program !== undefined) return;
    // What is not done when the process ends the kernel does then: nobody is to wait for it.
    for (const detach of this.#uprobes) detach().catch(() => {});
    this.#uprobes.clear();
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.detach();
    libbpf().close(this.#handle);
  }

  #program(name: string): Pointer {
    const handle = this.#programs.get(name);
    if (handle === undefined) throw new BpfError(`program ${name} of ${this.name}`, 2);
    return handle;
  }

  #map(name: string): Pointer {
    const handle = this.#maps.get(name);
    if (handle === undefined) throw new BpfError(`map ${name} of ${this.name}`, 2);
    return handle;
  }
}

function writeConstant(view: DataView, variable: string, value: number | bigint | Uint8Array): void {
  if (value instanceof Uint8Array) {
    if (value.length > view.byteLength) {
      throw new RangeError(`${variable} has ${view.byteLength} bytes, not ${value.length}`);
    }
    new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(value);
  } else if (view.byteLength === 8) view.setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true);
  else if (view.byteLength === 4) view.setUint32(0, Number(value), true);
  else if (view.byteLength === 2) view.setUint16(0, Number(value), true);
  else if (view.byteLength === 1) view.setUint8(0, Number(value));
  else throw new RangeError(`${variable} has ${view.byteLength} bytes: give it bytes`);
}

/** Where it may load nothing, libbpf also tries the limit of kernels before 5.11, and says so first. */
function withoutLimit(log: string): string {
  const lines = log.trim().split("\n");
  return lines.filter((line) => !line.includes("bump RLIMIT_MEMLOCK")).join("\n");
}
