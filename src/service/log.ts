/** The program's log: one line per record, on stderr, every text escaped. stdout is for data. */
import { escapeText } from "../escape.ts";
import type { Log, LogFields } from "../log.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export const LOG_ENCODINGS = ["console", "json"] as const;
export type LogEncoding = (typeof LOG_ENCODINGS)[number];

interface LogOptions {
  readonly level: LogLevel;
  readonly encoding: LogEncoding;
  readonly write: (line: string) => void;
  readonly now: () => Date;
}

export class Logger implements Log {
  #options: LogOptions;
  readonly #component: string | undefined;
  readonly #parent: Logger | undefined;

  constructor(options: LogOptions, component?: string, parent?: Logger) {
    this.#options = options;
    this.#component = component;
    this.#parent = parent;
  }

  /** A logger whose lines name the component; level and encoding follow this one. */
  child(component: string): Logger {
    return new Logger(this.#options, component, this);
  }

  configure(change: Partial<Pick<LogOptions, "level" | "encoding">>): void {
    this.#options = { ...this.#options, ...change };
  }

  debug(message: string, fields?: LogFields): void {
    this.#log("debug", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#log("info", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#log("warn", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#log("error", message, fields);
  }

  get #effective(): LogOptions {
    return this.#parent === undefined ? this.#options : this.#parent.#effective;
  }

  #log(level: LogLevel, message: string, fields: LogFields = {}): void {
    const { level: minimum, encoding, write, now } = this.#effective;
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(minimum)) return;
    const record = { time: now().toISOString(), level, component: this.#component, message, fields };
    write(`${encoding === "json" ? formatJson(record) : formatConsole(record)}\n`);
  }
}

interface LogRecord {
  readonly time: string;
  readonly level: LogLevel;
  readonly component: string | undefined;
  readonly message: string;
  readonly fields: LogFields;
}

function formatConsole({ time, level, component, message, fields }: LogRecord): string {
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${escapeText(key)}=${quote(escapeText(String(value)))}`);
  const who = component === undefined ? "" : ` ${escapeText(component)}:`;
  return `${time} ${level}${who} ${escapeText(message)}${pairs.join("")}`;
}

function formatJson({ time, level, component, message, fields }: LogRecord): string {
  const safe = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]): [string, unknown] => [escapeText(key), jsonValue(value)]);
  const head = { ts: time, level, ...(component === undefined ? {} : { component }), msg: escapeText(message) };
  return JSON.stringify({ ...head, ...Object.fromEntries(safe) });
}

function jsonValue(value: unknown): unknown {
  if (typeof value === "string") return escapeText(value);
  return typeof value === "bigint" ? value.toString() : value;
}

function quote(text: string): string {
  return /^[^\s"=]+$/.test(text) ? text : `"${text.replaceAll('"', '\\"')}"`;
}
