import { messageOf, SockspanError } from "../error.ts";

/** A key, certificate or output file that can't be used. */
export class ExporterFileError extends SockspanError {
  readonly code = "EXPORTER_FILE_UNUSABLE";
  readonly #setting: string;
  readonly #path: string;
  readonly #problem: unknown;

  /** @param problem what the cause means, or the cause itself */
  constructor(setting: string, path: string, problem: unknown, cause: unknown = problem) {
    super(
      `${setting}: ${path}: ${messageOf(problem)}`,
      "Check the path, what is in the file, and who may read or write it.",
      { cause },
    );
    this.#setting = setting;
    this.#path = path;
    this.#problem = problem;
  }

  /** With the whole path of the setting, which the exporter does not know. */
  of(id: string): ExporterFileError {
    return new ExporterFileError(`exporters.${id}.${this.#setting}`, this.#path, this.#problem, this.cause);
  }
}

/** What an exporter has thrown, with its id where it names a setting. */
export function withExporterId(error: unknown, id: string): unknown {
  return error instanceof ExporterFileError ? error.of(id) : error;
}

/** An OTLP/HTTP exporter is in a pipeline of a signal that it has no address for. */
export class ExporterEndpointMissingError extends SockspanError {
  readonly code = "EXPORTER_ENDPOINT_MISSING";

  constructor(setting: string) {
    super(`neither endpoint nor ${setting} is configured`, `Give endpoint, or ${setting} for this signal alone.`);
  }
}
