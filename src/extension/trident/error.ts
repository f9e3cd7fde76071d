import { messageOf, SockspanError } from "../../error.ts";

/** A file that the extension's configuration names can't be read. */
export class TridentAgentFileError extends SockspanError {
  readonly code = "TRIDENT_AGENT_FILE_UNUSABLE";

  constructor(setting: string, path: string, cause: unknown) {
    super(`${setting}: ${path}: ${messageOf(cause)}`, "Check the path and who may read it.", { cause });
  }
}
