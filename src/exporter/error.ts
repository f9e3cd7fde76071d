import { messageOf, SockspanError } from "../error.ts";

/** A key, certificate or output file that can't be used. */
export class ExporterFileError extends SockspanError {
  readonly code = "EXPORTER_FILE_UNUSABLE";

  constructor(setting: string, path: string, cause: unknown) {
    super(`${setting}: ${path}: ${messageOf(cause)}`, "Check the path and who may read or write it.", { cause });
  }
}

/** An OTLP/HTTP exporter is in a pipeline of a signal that it has no address for. */
export class ExporterEndpointMissingError extends SockspanError {
  readonly code = "EXPORTER_ENDPOINT_MISSING";

  constructor(setting: string) {
    super(`neither endpoint nor ${setting} is configured`, `Give endpoint, or ${setting} for this signal alone.`);
  }
}
