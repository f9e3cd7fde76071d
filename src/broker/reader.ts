/**
 * Entry of the reader process: answers one request after the other with blocking reads. The broker kills it when one
 * hangs (a FUSE file, a process whose memory can't be read), so it holds no state that matters.
 */
import { libc } from "../bpf/libbpf.ts";
import { parentChannel } from "../ipc/channel.ts";
import { ProcFactsReader } from "./proc-facts.ts";
import { readProcess } from "./process-reads.ts";
import type { ReaderReply, ReaderRequest } from "./reader-client.ts";

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

libc().prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

const facts = new ProcFactsReader();
const channel = parentChannel<ReaderReply, ReaderRequest>();
channel.onClose(() => process.exit(0));
channel.onMessage(({ id, read }) => {
  channel.send({ id, value: read.type === "process_facts" ? (facts.read(read.tgid) ?? null) : readProcess(read) });
});
