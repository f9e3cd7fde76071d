/**
 * Elasticsearch and OpenSearch over HTTP: what their requests ask of which index
 * (opentelemetry.io/docs/specs/semconv/database/elasticsearch).
 *
 * Known by what only they say of themselves: the product's header, the vendor's media type, the client's name; the
 * usual port only together with a path of theirs.
 */
import type { Attribute } from "../../span.ts";
import { destinationTemplate } from "../destination.ts";

interface SearchRequest {
  readonly method: string;
  readonly statusCode: number | undefined;
  readonly requestHeader: (name: string) => string | undefined;
  readonly responseHeader: (name: string) => string | undefined;
}

interface SearchFields {
  readonly name: string;
  readonly attributes: Attribute[];
}

const USUAL_PORT = 9200;
const VENDOR_TYPE = "application/vnd.elasticsearch+";
const OPENSEARCH_CLIENT = /^opensearch[-/]/i;
const ELASTIC_CLIENT = /^(?:elasticsearch|elastic|es)[-/]/i;
const LETTER_E = 0x65;
const LETTER_O = 0x6f;
/** What is asked of a document, by the method. */
const DOCUMENT: ReadonlyMap<string, string> = new Map([
  ["GET", "get"],
  ["HEAD", "exists"],
  ["PUT", "index"],
  ["POST", "index"],
  ["DELETE", "delete"],
]);
const INDEX: ReadonlyMap<string, string> = new Map([
  ["GET", "indices.get"],
  ["HEAD", "indices.exists"],
  ["PUT", "indices.create"],
  ["DELETE", "indices.delete"],
]);
/** Endpoints of an index that read it with GET and write it with others. */
const OF_INDEX = new Set(["mapping", "mappings", "settings", "alias", "aliases", "index_template", "template"]);
const INDEX_ACTIONS = new Set([
  "refresh",
  "flush",
  "forcemerge",
  "open",
  "close",
  "stats",
  "shrink",
  "split",
  "clone",
  "rollover",
]);
/** Endpoints whose next segment says what is asked. */
const GROUPS = new Set([
  ..."cat cluster nodes ingest snapshot tasks security ml ilm slm license xpack ccr watcher transform plugins".split(
    " ",
  ),
  ..."enrich rollup sql search".split(" "),
]);
const MAX_NAME = 256;

/** @returns undefined where it is not one of theirs */
export function describeSearch(request: SearchRequest, path: string, port: number): SearchFields | undefined {
  const system = systemOf(request) ?? (port === USUAL_PORT && /\/_[a-z]/.test(path) ? "elasticsearch" : undefined);
  if (system === undefined) return undefined;
  const { operation, index } = operationOf(request.method, path);
  const attributes: Attribute[] = [["db.system.name", system]];
  if (operation !== undefined) attributes.push(["db.operation.name", operation]);
  if (index !== undefined) attributes.push(["db.collection.name", index]);
  const cluster = request.responseHeader("x-found-handling-cluster");
  if (cluster !== undefined) attributes.push(["db.namespace", cluster]);
  const node = request.responseHeader("x-found-handling-instance");
  if (node !== undefined) attributes.push(["elasticsearch.node.name", node]);
  if (request.statusCode !== undefined && request.statusCode >= 400) {
    attributes.push(["db.response.status_code", String(request.statusCode)]);
  }
  const what = operation ?? request.method;
  return { name: index === undefined ? what : `${what} ${destinationTemplate(index)}`, attributes };
}

function systemOf({ requestHeader, responseHeader }: SearchRequest): string | undefined {
  if (responseHeader("x-elastic-product") === "Elasticsearch") return "elasticsearch";
  if (responseHeader("x-opensearch-version") !== undefined) return "opensearch";
  const agent = requestHeader("user-agent") ?? "";
  const initial = agent.charCodeAt(0) | 0x20;
  if (initial === LETTER_O && OPENSEARCH_CLIENT.test(agent)) return "opensearch";
  if (initial === LETTER_E && ELASTIC_CLIENT.test(agent) && requestHeader("x-elastic-client-meta") !== undefined)
    return "elasticsearch";
  const type = requestHeader("content-type") ?? requestHeader("accept") ?? "";
  const isVendors = type.startsWith(VENDOR_TYPE) || requestHeader("x-elastic-client-meta") !== undefined;
  return isVendors ? "elasticsearch" : undefined;
}

function operationOf(
  method: string,
  path: string,
): { readonly operation: string | undefined; readonly index: string | undefined } {
  const segments = path.split("/").filter((segment) => segment !== "");
  if (segments.length === 0) return { operation: method === "HEAD" ? "ping" : "info", index: undefined };
  const at = segments.findIndex((segment) => segment.startsWith("_") && segment !== "_all");
  const index = at === 0 ? undefined : decoded(segments[0]!);
  if (at < 0) return { operation: segments.length === 1 ? INDEX.get(method) : undefined, index };
  const endpoint = segments[at]!.slice(1);
  const next = segments[at + 1];
  if (endpoint === "doc" || endpoint === "source") return { operation: DOCUMENT.get(method), index };
  if (OF_INDEX.has(endpoint)) {
    const verb = method === "GET" ? "get" : method === "DELETE" ? "delete" : method === "HEAD" ? "exists" : "put";
    return { operation: `indices.${verb}_${endpoint.replace(/s$/, "")}`, index };
  }
  if (INDEX_ACTIONS.has(endpoint)) return { operation: `indices.${endpoint}`, index };
  if (endpoint === "search" && next === "scroll")
    return { operation: method === "DELETE" ? "clear_scroll" : "scroll", index };
  const isGrouped =
    GROUPS.has(endpoint) && endpoint !== "search" && next !== undefined && /^_?[a-z][a-z_]*$/.test(next);
  const operation = isGrouped ? `${endpoint}.${next.replace(/^_/, "")}` : endpoint;
  return { operation: /^[a-z][a-z_.]{0,63}$/.test(operation) ? operation : undefined, index };
}

/** Names of indices may hold commas and asterisks, also encoded. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment).slice(0, MAX_NAME);
  } catch {
    return segment.slice(0, MAX_NAME);
  }
}
