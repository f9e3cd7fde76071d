/** A process as the broker lets the worker read it. */
import type { BrokerClient } from "../../ipc/broker-client.ts";
import { readPieces } from "../../ipc/read-pieces.ts";
import type { ByteSource } from "../elf/byte-source.ts";
import type { KnownFiles } from "./known-files.ts";
import { parseMappings } from "./parse-mappings.ts";
import type { MemoryMapping, ProcessView } from "./process-view.ts";

type ProcessReader = Pick<BrokerClient, "request">;

/** @param files keeps what is read of files for other processes that have the same ones */
export function brokerProcess(
  client: ProcessReader,
  tgid: number,
  executable: string,
  files?: KnownFiles,
): ProcessView {
  let mappings: Promise<readonly MemoryMapping[]> | undefined;
  const readMappings = () => {
    mappings ??= client.request({ type: "process_mappings", tgid }).then(parseMappings);
    return mappings;
  };
  return {
    tgid,
    executable,
    mappings: readMappings,
    async file(path) {
      const mapping = (await readMappings()).find((candidate) => candidate.path === path);
      if (mapping === undefined) return undefined;
      const file = mappedFile(client, tgid, mapping);
      return files === undefined ? file : await files.open(mapping.inode, file);
    },
    memory: (address, lengthBytes) => processMemory(client, tgid, address, lengthBytes),
    threads: () => client.request({ type: "process_threads", tgid }),
    again: () => brokerProcess(client, tgid, executable, files),
  };
}

export function processMemory(
  client: ProcessReader,
  tgid: number,
  address: number,
  lengthBytes: number,
): Promise<Uint8Array> {
  return readPieces(address, lengthBytes, (at, wanted) =>
    client.request({ type: "memory", tgid, address: at, lengthBytes: wanted }),
  );
}

export function mappedFile(
  client: ProcessReader,
  tgid: number,
  { start, end }: Pick<MemoryMapping, "start" | "end">,
): ByteSource {
  return {
    read: (offset, lengthBytes) =>
      readPieces(offset, lengthBytes, (at, wanted) =>
        client.request({ type: "mapped_file", tgid, start, end, offset: at, lengthBytes: wanted }),
      ),
  };
}
