/** Database spans by the semantic conventions (docs/database/database-spans.md). */
import type { Attribute } from "../span.ts";
import { type SqlDialect, summarizeSql } from "../sql.ts";
import { missingResponse } from "./failure.ts";
import type { Message, Session, SpanFields } from "./protocol.ts";

export interface DatabaseFacts {
  readonly system: string;
  readonly namespace?: string | undefined;
  /** What is asked where there is no text, and before a text that is only prepared. */
  readonly command: string;
  readonly isPrepare?: boolean;
  readonly text?: string | undefined;
  readonly dialect?: SqlDialect;
  readonly attributes?: readonly Attribute[];
  readonly errorCode?: string | undefined;
  readonly errorType?: string | undefined;
  readonly statusMessage?: string | undefined;
}

const MAX_TEXT = 256;

export function describeDatabase(session: Session<Message>, facts: DatabaseFacts): SpanFields {
  const attributes: Attribute[] = [["db.system.name", facts.system]];
  if (facts.namespace !== undefined) attributes.push(["db.namespace", facts.namespace]);
  let name = facts.command;
  let operation: string | undefined = facts.command;
  if (facts.text !== undefined) {
    const sql = summarizeSql(facts.text, facts.dialect);
    operation = facts.isPrepare ? facts.command : sql.operation;
    if (sql.summary !== undefined) name = facts.isPrepare ? `${facts.command} ${sql.summary}` : sql.summary;
    if (sql.collection !== undefined) attributes.push(["db.collection.name", sql.collection]);
    attributes.push(["db.query.text", sql.text]);
    if (sql.summary !== undefined) attributes.push(["db.query.summary", name]);
  }
  if (operation !== undefined) attributes.push(["db.operation.name", operation]);
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
