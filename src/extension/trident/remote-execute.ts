/** RemoteExecute: a controller may read these files of /proc and nothing else. Nothing is run, ever. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { messageOf } from "../../error.ts";
import type { RemoteAnswer, RemoteRequest } from "./messages.ts";

const FILES: readonly string[] = ["version", "uptime", "loadavg", "meminfo", "cpuinfo", "net/dev", "net/sockstat"];
const MAX_OUTPUT_BYTES = 1 << 20;

/** undefined: no answer is due. */
export function answerRemote(request: RemoteRequest): RemoteAnswer | undefined {
  const { requestId } = request;
  const refusal = (error: string): RemoteAnswer => ({ requestId, error, commands: [], output: undefined, md5: "" });
  switch (request.kind) {
    case undefined:
      return undefined;
    case "list_command":
      return {
        requestId,
        error: undefined,
        commands: FILES.map((file, index) => ({ id: index, ident: `cat /proc/${file}` })),
        output: undefined,
        md5: "",
      };
    case "list_namespace":
      return refusal("sockspan lists no namespaces");
    case "run_command": {
      const file =
        (/^\d+$/.test(request.command) ? FILES[Number(request.command)] : undefined) ??
        FILES.find((name) => request.command === `cat /proc/${name}`);
      if (file === undefined) return refusal("sockspan runs no commands; it reads the files that LIST_COMMAND names");
      return read(requestId, file);
    }
    default:
      return refusal("sockspan does not do this");
  }
}

function read(requestId: bigint, file: string): RemoteAnswer {
  try {
    const output = readFileSync(`/proc/${file}`).subarray(0, MAX_OUTPUT_BYTES);
    const md5 = createHash("md5").update(output).digest("hex");
    return { requestId, error: undefined, commands: [], output, md5 };
  } catch (error) {
    return {
      requestId,
      error: messageOf(error),
      commands: [],
      output: undefined,
      md5: "",
    };
  }
}
