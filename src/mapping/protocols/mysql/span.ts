/** One MySQL exchange as a database span. */

import type { Attribute } from "../../span.ts";
import { addQuery, returnedRows } from "../database-span.ts";
import { missingResponse } from "../failure.ts";
import type { Session, SpanFields } from "../protocol.ts";
import type { MysqlMessage } from "./state.ts";
import { COMMAND_NAMES, Command, UNANSWERED } from "./wire.ts";

export function describeMysql(session: Session<MysqlMessage>): SpanFields | undefined {
  const { request: asked, response } = session;
  if (asked === undefined || UNANSWERED.has(asked.command)) return undefined;
  const attributes: Attribute[] = [["db.system.name", asked.isMariaDb ? "mariadb" : "mysql"]];
  const command = COMMAND_NAMES.get(asked.command)!;
  const isOfDatabase =
    asked.command === Command.initDb || asked.command === Command.createDb || asked.command === Command.dropDb;
  let name = addQuery(attributes, {
    namespace: asked.database ?? (isOfDatabase ? asked.text : undefined),
    command,
    isPrepare: asked.command === Command.statementPrepare || asked.command === Command.statementFetch,
    // A reset runs nothing.
    text: isOfDatabase || asked.command === Command.statementReset ? undefined : asked.text,
    dialect: "mysql",
  });
  if (isOfDatabase && asked.text !== undefined) name = `${command} ${asked.text}`;
  attributes.push(...returnedRows(session, response?.rows));
  let errorType = missingResponse(session);
  if (response?.errorCode !== undefined) {
    errorType = String(response.errorCode);
    attributes.push(["db.response.status_code", errorType]);
  }
  if (errorType !== undefined) attributes.push(["error.type", errorType]);
  return { name, attributes, isError: errorType !== undefined };
}
