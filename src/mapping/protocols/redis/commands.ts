/** What redis.ts knows of single commands. */

/** Commands of modules have dots, subcommands are arguments. */
const COMMAND_WORD = /^[A-Za-z][A-Za-z0-9._|-]{0,63}$/;

/** Only the server says these. */
const PUSH_WORD = /^[ps]?message$/i;

export function isRedisCommandWord(word: string): boolean {
  return COMMAND_WORD.test(word) && !PUSH_WORD.test(word);
}

export const SUBSCRIBE_COMMANDS: ReadonlySet<string> = new Set(["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"]);

/** Commands whose arguments are secrets or no keys at all. */
const NO_KEY = new Set(
  `AUTH HELLO PING ECHO SELECT QUIT INFO CONFIG CLIENT COMMAND DEBUG EVAL EVALSHA EVAL_RO EVALSHA_RO FCALL FCALL_RO
  FUNCTION SCRIPT ACL CLUSTER SLOWLOG LATENCY MEMORY MODULE MONITOR PSYNC SYNC REPLCONF REPLICAOF SLAVEOF SHUTDOWN
  SAVE BGSAVE BGREWRITEAOF LASTSAVE FLUSHALL FLUSHDB DBSIZE SWAPDB WAIT WAITAOF TIME ROLE MULTI EXEC DISCARD UNWATCH
  KEYS SCAN RANDOMKEY PUBLISH SPUBLISH PUBSUB SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE
  MIGRATE FAILOVER READONLY READWRITE ASKING RESET LOLWUT XREAD XREADGROUP MESSAGE PMESSAGE SMESSAGE`.split(/\s+/),
);
/** Commands whose arguments are all keys. */
const ALL_KEYS = new Set("DEL UNLINK EXISTS TOUCH MGET WATCH SDIFF SINTER SUNION PFCOUNT".split(" "));
/** Commands whose first argument is a name that its operator chose: a subcommand, a channel, a pattern. */
const NAMED = new Set(
  "CONFIG CLIENT COMMAND CLUSTER INFO SLOWLOG MEMORY XREAD PUBLISH SPUBLISH SUBSCRIBE PSUBSCRIBE MESSAGE PMESSAGE SELECT".split(
    " ",
  ),
);
const MAX_PLACEHOLDERS = 8;

/** The command as redis-cli would show it: keys stay, values are `?`. */
export function commandText(command: string, args: readonly string[], argCount: number): string {
  const parts = [command];
  const kept = ALL_KEYS.has(command) ? args.length : !NO_KEY.has(command) || NAMED.has(command) ? 1 : 0;
  for (let i = 0; i < argCount && i < MAX_PLACEHOLDERS; i++) {
    parts.push(i < kept && i < args.length ? printable(args[i]!) : "?");
  }
  if (argCount > MAX_PLACEHOLDERS) parts.push("...");
  return parts.join(" ");
}

function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: keys may be binary
  const clean = text.replace(/[\u0000-\u0020\u007f-\u009f\ufffd]/g, "?");
  return clean.length > 128 ? `${clean.slice(0, 128)}...` : clean;
}
