/** What every part writes its log through; src/service/log.ts is the implementation. */

/** Values may come from traced programs: the writer escapes them. */
export type LogFields = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}
