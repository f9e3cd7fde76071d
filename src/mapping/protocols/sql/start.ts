/** Words that SQL statements begin with. */
import { latin1 } from "../../latin1.ts";

const SQL_START =
  /^[\s(;]*(?:\/\*|--|#|select|insert|update|delete|replace|set|show|begin|start|commit|rollback|create|drop|alter|use|call|desc|describe|explain|truncate|with|lock|unlock|grant|revoke|prepare|execute|deallocate|do|handler|load|optimize|analyze|check|repair|rename|flush|kill|savepoint|release|xa|values|table|reset|change|stop|purge|install|uninstall|checksum|help|shutdown|binlog|cache|signal|get|import|restart|clone)\b/i;

/** Does the text of a statement stand at `from`? */
export function isSqlStart(bytes: Uint8Array, from: number, to: number): boolean {
  const text = latin1(bytes, from, Math.min(to, from + 48));
  return /^[\s(;]*(?:\/\*|--|#)/.test(text) || SQL_START.test(text);
}
