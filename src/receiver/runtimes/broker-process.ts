/** A process as the broker lets the worker read it. */
import type { BrokerClient } from "../../ipc/broker-client.ts";
import { READ_LIMIT_BYTES } from "../../ipc/read-limit.ts";
import type { ByteSource } from "../elf/byte-source.ts";
import { parseMappings } from "./parse-mappings.ts";
import type { MemoryMapping, ProcessView } from "./process-view.ts";

export type ProcessReader = Pick<BrokerClient, "request">;

export function brokerProcess(client: ProcessReader, tgid: number, executable: string): ProcessView {
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
      return mapping === undefined ? undefined : mappedFile(client, tgid, mapping);
    },
    memory: (address, lengthBytes) => processMemory(client, tgid, address, lengthBytes),
    threads: () => client.request({ type: "process_threads", tgid }),
    again: () => brokerProcess(client, tgid, executable),
  };
}

export function processMemory(
  client: ProcessReader,
  tgid: number,
  address: number,
  lengthBytes: number,
): Promise<Uint8Array> {
  return inPieces(lengthBytes, (done, wanted) =>
    client.request({ type: "memory", tgid, address: address + done, lengthBytes: wanted }),
  );
}

export function mappedFile(
  client: ProcessReader,
  tgid: number,
  { start, end }: Pick<MemoryMapping, "start" | "end">,
): ByteSource {
  return {
    read: (offset, lengthBytes) =>
      inPieces(lengthBytes, (done, wanted) =>
        client.request({ type: "mapped_file", tgid, start, end, offset: offset + done, lengthBytes: wanted }),
      ),
  };
}

/** Until all is read or a piece comes short. */
async function inPieces(
  lengthBytes: number,
  read: (done: number, wanted: number) => Promise<string>,
): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  for (let done = 0; done < lengthBytes; ) {
    const wanted = Math.min(READ_LIMIT_BYTES, lengthBytes - done);
    const piece = Buffer.from(await read(done, wanted), "base64");
    pieces.push(piece);
    done += piece.length;
    if (piece.length < wanted) break;
  }
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
}
