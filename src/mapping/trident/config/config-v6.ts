/** The Config message of package `trident` as the tree of user_config, so that one reader serves both generations. */
import { HONOURED_KEYS } from "./config-keys.ts";
import { type ConfigTree, ConfigTreeReader, isTree } from "./config-tree.ts";

const SECONDS_FIELDS: ReadonlySet<string> = new Set(["sync_interval", "max_escape_seconds", "platform_sync_interval"]);
const LIST_FIELDS: ReadonlySet<string> = new Set(["http_log_x_request_id", "http_log_proxy_client"]);
/**
 * @param fields set fields of Config by their names
 * @param localConfig its local_config, parsed
 */
export function treeOfV6Config(fields: ConfigTree, localConfig: unknown): ConfigTree {
  const tree: Record<string, unknown> = {};
  const local = new ConfigTreeReader(isTree(localConfig) ? localConfig : {});
  for (const { path, field } of HONOURED_KEYS) {
    if (field === undefined) continue;
    const value = field.startsWith("yaml:") ? local.value(field.slice("yaml:".length)) : fields[field];
    if (value !== undefined) put(tree, path.split("."), convert(field, value));
  }
  return tree;
}

function convert(field: string, value: unknown): unknown {
  if (SECONDS_FIELDS.has(field)) return `${String(value)}s`;
  if (LIST_FIELDS.has(field)) {
    return String(value)
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== "");
  }
  // 64-bit fields come as texts.
  if (field === "l7_log_collect_nps_threshold") return Number(value);
  return value;
}

function put(tree: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key = "", ...rest] = path;
  if (rest.length === 0) {
    tree[key] = value;
    return;
  }
  const inner = isTree(tree[key]) ? { ...tree[key] } : {};
  put(inner, rest, value);
  tree[key] = inner;
}
