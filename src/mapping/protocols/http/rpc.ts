/** Calls that travel in HTTP bodies: JSON-RPC, GraphQL, SOAP. Read from the body's first bytes, and only when asked for. */
import { utf8 } from "../../latin1.ts";
import type { Attribute } from "../../span.ts";
import { topLevelTexts } from "./json-scan.ts";

export interface HttpRpc {
  /** The span's name. */
  readonly name: string;
  readonly attributes: Attribute[];
}

/** So much of a body is read. */
export const RPC_BODY_BYTES = 2048;

const JSON_TYPE = /^application\/(?:[\w.+-]*json|graphql)\b/i;
const XML_TYPE = /^(?:text|application)\/(?:soap\+)?xml\b/i;
const NAME = /^[\w$.:/#-]{1,128}$/;

/** Is it worth while to look into such a body? */
export function mayCarryRpc(method: string, contentType: string | undefined): boolean {
  return method === "POST" && contentType !== undefined && (JSON_TYPE.test(contentType) || XML_TYPE.test(contentType));
}

/** @param body its first bytes */
export function readHttpRpc(
  body: Uint8Array,
  contentType: string,
  soapAction: string | undefined,
): HttpRpc | undefined {
  const text = utf8(body, 0, Math.min(body.length, RPC_BODY_BYTES));
  if (XML_TYPE.test(contentType)) return soap(text, soapAction ?? /action="?([^";]+)/.exec(contentType)?.[1]);
  if (/^application\/graphql\b/i.test(contentType)) return graphql(text, undefined);
  const values = topLevelTexts(text);
  const method = values.get("method");
  if (values.has("jsonrpc") && method !== undefined && NAME.test(method)) {
    const attributes: Attribute[] = [
      ["rpc.system.name", "jsonrpc"],
      ["rpc.method", method],
      ["jsonrpc.protocol.version", values.get("jsonrpc")!],
    ];
    const id = values.get("id");
    if (id !== undefined) attributes.push(["jsonrpc.request.id", id]);
    return { name: method, attributes };
  }
  const query = values.get("query");
  return query === undefined ? undefined : graphql(query, values.get("operationName"));
}

/** The document itself may hold anything: only its first operation's type and name are told. */
function graphql(document: string, operationName: string | undefined): HttpRpc | undefined {
  const plain = document.replace(/^(?:\s|,|#[^\n]*\n)*/, "");
  const found = /^(?:(query|mutation|subscription)\b\s*([A-Za-z_]\w*)?|\{)/.exec(plain);
  // Fragments may stand before the operation.
  if (found === null && !/^fragment\s/.test(plain)) return undefined;
  const chosen = operationName !== undefined && /^[A-Za-z_]\w{0,127}$/.test(operationName) ? operationName : found?.[2];
  const type =
    found?.[1] ?? (found === null ? /\b(query|mutation|subscription)\s+\w/.exec(plain)?.[1] : undefined) ?? "query";
  const attributes: Attribute[] = [["graphql.operation.type", type]];
  if (chosen !== undefined) attributes.push(["graphql.operation.name", chosen]);
  return { name: chosen === undefined ? type : `${type} ${chosen}`, attributes };
}

/** The action of the header, else the body's first element. */
function soap(text: string, action: string | undefined): HttpRpc | undefined {
  if (!/<(?:[\w-]+:)?Envelope[\s>]/.test(text)) return undefined;
  const element = /<(?:[\w-]+:)?Body(?:\s[^>]*)?>\s*<(?:[\w-]+:)?([\w.-]{1,128})[\s/>]/.exec(text)?.[1];
  const named = action?.replace(/^"|"$/g, "");
  const method = named !== undefined && NAME.test(named) ? named : element;
  if (method === undefined) return undefined;
  return {
    // The action is a URI; its last part, or the element, is the operation.
    name: element ?? method.replace(/^.*[/#:]/, ""),
    attributes: [
      ["rpc.system.name", "soap"],
      ["rpc.method", method],
    ],
  };
}
