import { messageOf, SockspanError } from "../../error.ts";

/** A package that is not what the controller has said of it, or that can't be received: it is removed, and nothing is run. */
export class UpgradeRefusedError extends SockspanError {
  readonly code = "TRIDENT_UPGRADE_REFUSED";

  constructor(reason: string, options?: ErrorOptions) {
    super(reason, "Look at the package that the controller offers, and at max_size and directory of upgrade.", options);
  }
}

/** A file that the extension's configuration names can't be read. */
export class TridentAgentFileError extends SockspanError {
  readonly code = "TRIDENT_AGENT_FILE_UNUSABLE";

  constructor(setting: string, path: string, cause: unknown) {
    super(`${setting}: ${path}: ${messageOf(cause)}`, "Check the path and who may read it.", { cause });
  }
}
