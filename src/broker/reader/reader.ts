/**
 * Entry of the reader process: answers one request after the other with blocking reads. The broker kills it when one
 * hangs (a FUSE file, a process whose memory can't be read), so it holds no state that matters.
 */
import { libc } from "../../bpf/libbpf.ts";
import { parentChannel } from "../../ipc/channel.ts";
import { OpenedFiles } from "./opened-files.ts";
import { ProcFactsReader } from "./proc-facts.ts";
import { readProcess } from "./process-reads.ts";
import type { ReaderReply, ReaderRequest, ReadRequest } from "./reader-client.ts";
import { SymbolFiles } from "./symbol-files.ts";

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

libc().prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

const facts = new ProcFactsReader();
const files = new OpenedFiles();
const symbolFiles = new SymbolFiles(files);
const channel = parentChannel<ReaderReply, ReaderRequest>();
channel.onClose(() => process.exit(0));
channel.onMessage(({ id, read }) => channel.send({ id, value: answer(read) }));

function answer(read: ReadRequest): unknown {
  switch (read.type) {
    case "process_facts":
      return facts.read(read.tgid) ?? null;
    case "process_images":
      return symbolFiles.images(read.tgid);
    case "perf_map":
      return symbolFiles.perfMap(read.tgid);
    case "debug_file":
      return symbolFiles.debugFile(read);
    case "kernel_symbols":
      return symbolFiles.kernelSymbols();
    case "file_read":
      return files.read(read.file, read.offset, read.lengthBytes).toString("base64");
    default:
      return readProcess(read);
  }
}
