/** One PostgreSQL exchange as a database span. */
import type { Attribute } from "../span.ts";
import { summarizeSql } from "../sql.ts";
import { missingResponse } from "./failure.ts";
import type { PostgresqlMessage } from "./postgresql.ts";
import type { Session, SpanFields } from "./protocol.ts";

export function describePostgresql(session: Session<PostgresqlMessage>): SpanFields | undefined {
  const { request, response } = session;
  if (request === undefined) return undefined;
  const attributes: Attribute[] = [["db.system.name", "postgresql"]];
  if (request.database !== undefined) attributes.push(["db.namespace", request.database]);
  const fallback = request.kind.toUpperCase();
  let name = fallback;
  let operation: string | undefined = fallback;
  if (request.text !== undefined) {
    const sql = summarizeSql(request.text);
    const isPrepare = request.kind === "prepare";
    operation = isPrepare ? fallback : sql.operation;
    if (sql.summary !== undefined) name = isPrepare ? `${fallback} ${sql.summary}` : sql.summary;
    if (sql.collection !== undefined) attributes.push(["db.collection.name", sql.collection]);
    attributes.push(["db.query.text", sql.text]);
    if (sql.summary !== undefined) attributes.push(["db.query.summary", name]);
  }
  if (operation !== undefined) attributes.push(["db.operation.name", operation]);
  if (request.executes > 1) attributes.push(["db.operation.batch.size", request.executes]);
  if (response?.rows !== undefined) attributes.push(["db.response.returned_rows", response.rows]);
  let errorType = request.isAborted ? "pipeline_aborted" : missingResponse(session);
  // An empty pair of quotes, or 00000: nothing went wrong.
  if (response?.errorCode !== undefined) {
    errorType = response.errorCode;
    attributes.push(["db.response.status_code", errorType]);
  }
  if (errorType !== undefined) attributes.push(["error.type", errorType]);
  return { name, attributes, isError: errorType !== undefined };
}
