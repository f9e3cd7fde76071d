/** One PostgreSQL exchange as a database span. */
import type { Attribute } from "../../span.ts";
import { addQuery, returnedRows } from "../database-span.ts";
import { missingResponse } from "../failure.ts";
import type { Session, SpanFields } from "../protocol.ts";
import type { PostgresqlMessage } from "./state.ts";

export function describePostgresql(session: Session<PostgresqlMessage>): SpanFields | undefined {
  const { request, response } = session;
  if (request === undefined) return undefined;
  const attributes: Attribute[] = [["db.system.name", "postgresql"]];
  const name = addQuery(attributes, {
    namespace: request.database,
    command: request.kind.toUpperCase(),
    isPrepare: request.kind === "prepare",
    text: request.text,
    ...(request.executes > 1 ? { batchSize: request.executes } : {}),
  });
  attributes.push(...returnedRows(session, response?.rows));
  let errorType = request.isAborted ? "pipeline_aborted" : missingResponse(session);
  // An empty pair of quotes, or 00000: nothing went wrong.
  if (response?.errorCode !== undefined) {
    errorType = response.errorCode;
    attributes.push(["db.response.status_code", errorType]);
  }
  if (errorType !== undefined) attributes.push(["error.type", errorType]);
  return { name, attributes, isError: errorType !== undefined };
}
