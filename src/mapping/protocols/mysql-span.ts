/** One MySQL exchange as a database span. */

import type { Attribute } from "../span.ts";
import { summarizeSql } from "../sql.ts";
import { missingResponse } from "./failure.ts";
import type { MysqlMessage } from "./mysql-state.ts";
import { COMMAND_NAMES, Command, UNANSWERED } from "./mysql-wire.ts";
import type { Session, SpanFields } from "./protocol.ts";

export function describeMysql(session: Session<MysqlMessage>): SpanFields | undefined {
  const { request: asked, response } = session;
  if (asked === undefined || UNANSWERED.has(asked.command)) return undefined;
  const attributes: Attribute[] = [["db.system.name", asked.isMariaDb ? "mariadb" : "mysql"]];
  if (asked.database !== undefined) attributes.push(["db.namespace", asked.database]);
  const command = COMMAND_NAMES.get(asked.command)!;
  let name = command;
  let operation: string | undefined = command;
  const isSql =
    asked.command !== Command.initDb && asked.command !== Command.createDb && asked.command !== Command.dropDb;
  if (asked.text !== undefined && isSql) {
    const sql = summarizeSql(asked.text, "mysql");
    const isPrepare = asked.command === Command.statementPrepare;
    operation = isPrepare ? command : sql.operation;
    if (sql.summary !== undefined) name = isPrepare ? `${command} ${sql.summary}` : sql.summary;
    if (sql.collection !== undefined) attributes.push(["db.collection.name", sql.collection]);
    attributes.push(["db.query.text", sql.text]);
    if (sql.summary !== undefined) attributes.push(["db.query.summary", name]);
  } else if (asked.text !== undefined) {
    name = `${command} ${asked.text}`;
  }
  if (operation !== undefined) attributes.push(["db.operation.name", operation]);
  if (response?.rows !== undefined) attributes.push(["db.response.returned_rows", response.rows]);
  let errorType = missingResponse(session);
  if (response?.errorCode !== undefined) {
    errorType = String(response.errorCode);
    attributes.push(["db.response.status_code", errorType]);
  }
  if (errorType !== undefined) attributes.push(["error.type", errorType]);
  return { name, attributes, isError: errorType !== undefined };
}
