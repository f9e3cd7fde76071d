/** The very command that does with privilege what was asked for without it. */
import { programPath } from "../package-paths.ts";

/** Variables that change what we do: sudo would drop them. */
const KEPT = /^(?:OTEL_|NO_COLOR$|SOCKSPAN_)/;
/** Shown in a terminal and left in its history: a secret is better named than copied. */
const SECRET = /HEADERS|KEY|TOKEN|PASSWORD|SECRET/;

export function rootCommand(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): string {
  const kept = Object.entries(environment).filter(([name, value]) => KEPT.test(name) && value !== undefined);
  const variables = kept.map(([name, value]) => `${name}=${SECRET.test(name) ? `"$${name}"` : quote(value ?? "")}`);
  const words = [process.execPath, programPath, ...argv.slice(2)].map(quote);
  return ["sudo", ...(variables.length === 0 ? [] : ["env", ...variables]), ...words].join(" ");
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
