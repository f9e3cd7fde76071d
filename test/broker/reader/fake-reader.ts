/** A reader process for tests: hangs for odd tgids as a read of a dead FUSE file does, dies for tgid 100. */
import type { ReaderReply, ReaderRequest } from "../../../src/broker/reader/reader-client.ts";

process.on("message", ({ id, read }: ReaderRequest) => {
  const tgid = "tgid" in read ? read.tgid : 0;
  if (tgid === 100) process.exit(1);
  if (tgid % 2 === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  const value = { tgid, parentTgid: process.pid, startTimeTicks: 1, comm: "x", commandLine: [], environment: {} };
  process.send?.({ id, value } satisfies ReaderReply);
});
process.on("disconnect", () => process.exit(0));
