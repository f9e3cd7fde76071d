/** Database spans by the semantic conventions (docs/db/database-spans.md). */
import type { Attribute } from "../span.ts";
import { missingResponse } from "./failure.ts";
import type { Message, Session, SpanFields } from "./protocol.ts";
import { type SqlDialect, summarizeSql } from "./sql/sql.ts";

/** What is asked for. */
interface QueryFacts {
  readonly namespace?: string | undefined;
  /** What is asked where there is no text, and before a text that is only prepared. */
  readonly command: string;
  readonly isPrepare?: boolean;
  readonly text?: string | undefined;
  readonly dialect?: SqlDialect;
  /** The protocol says so: so many times the statement, or so many statements. */
  readonly batchSize?: number;
}

interface DatabaseFacts extends QueryFacts {
  readonly system: string;
  readonly attributes?: readonly Attribute[];
  readonly errorCode?: string | undefined;
  readonly errorType?: string | undefined;
  readonly statusMessage?: string | undefined;
}

const MAX_TEXT = 256;

export function describeDatabase(session: Session<Message>, facts: DatabaseFacts): SpanFields {
  const attributes: Attribute[] = [["db.system.name", facts.system]];
  const name = addQuery(attributes, facts);
  if (facts.attributes !== undefined) attributes.push(...facts.attributes);
  if (facts.errorCode !== undefined) attributes.push(["db.response.status_code", facts.errorCode]);
  const errorType = facts.errorType ?? facts.errorCode ?? missingResponse(session);
  if (errorType !== undefined) attributes.push(["error.type", errorType]);
  return {
    name,
    attributes,
    isError: errorType !== undefined,
    ...(facts.statusMessage ? { statusMessage: facts.statusMessage.slice(0, MAX_TEXT) } : {}),
  };
}

/** Of an answer that was seen to its end. */
export function returnedRows(
  { incomplete, isEndHidden }: Pick<Session<Message>, "incomplete" | "isEndHidden">,
  rows: number | undefined,
): Attribute[] {
  return rows === undefined || isEndHidden || incomplete !== undefined ? [] : [["db.response.returned_rows", rows]];
}

/** @returns the span's name */
export function addQuery(attributes: Attribute[], facts: QueryFacts): string {
  const { command, text } = facts;
  if (text === undefined) {
    if (facts.namespace !== undefined) attributes.push(["db.namespace", facts.namespace]);
    attributes.push(["db.operation.name", command]);
    addBatchSize(attributes, facts.batchSize);
    return command;
  }
  const sql = summarizeSql(text, facts.dialect);
  // Several statements in one text say themselves that they are a batch.
  const isRepeated = facts.batchSize !== undefined && facts.batchSize > 1 && sql.batchSize === undefined;
  const prefix = facts.isPrepare ? `${command} ` : isRepeated ? "BATCH " : "";
  const operation = facts.isPrepare || sql.operation === undefined ? undefined : `${prefix}${sql.operation}`;
  const name = sql.summary === undefined ? command : `${prefix}${sql.summary}`;
  // Where the connection has none, it is what the statement is about: CREATE DATABASE, USE.
  const namespace = facts.namespace ?? sql.namespace;
  if (namespace !== undefined) attributes.push(["db.namespace", namespace]);
  if (sql.collection !== undefined) attributes.push(["db.collection.name", sql.collection]);
  if (sql.procedure !== undefined) attributes.push(["db.stored_procedure.name", sql.procedure]);
  attributes.push(["db.query.text", sql.text]);
  if (sql.summary !== undefined) attributes.push(["db.query.summary", name]);
  if (facts.isPrepare) attributes.push(["db.operation.name", command]);
  else if (operation !== undefined) attributes.push(["db.operation.name", operation]);
  addBatchSize(attributes, facts.batchSize ?? sql.batchSize);
  return name;
}

/** One operation is no batch, none at all is one. */
function addBatchSize(attributes: Attribute[], size: number | undefined): void {
  if (size !== undefined && size !== 1) attributes.push(["db.operation.batch.size", size]);
}
