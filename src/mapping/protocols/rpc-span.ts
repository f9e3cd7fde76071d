/** What the binary RPC protocols have in common: a method of a service is called, and a status comes back. */
import type { Attribute } from "../span.ts";
import { missingResponse } from "./failure.ts";
import { type Message, Sender, type Session, type SpanFields } from "./protocol.ts";

export interface RpcMessage extends Message {
  readonly service?: string | undefined;
  readonly method?: string | undefined;
  /** Responses: the status in the protocol's own words or number. */
  readonly status?: string | undefined;
  /** Responses: what went wrong, of few values. */
  readonly errorType?: string | undefined;
  readonly statusMessage?: string | undefined;
  /** Properties that travel with the call; keys in lower case. */
  readonly properties?: ReadonlyMap<string, string> | undefined;
  readonly attributes?: readonly Attribute[] | undefined;
  /** A heartbeat or the like: no span. */
  readonly isSilent?: boolean;
}

const MAX_TEXT = 256;

/** @param system rpc.system.name */
export function describeRpc(session: Session<RpcMessage>, system: string): SpanFields | undefined {
  const { request, response } = session;
  if (request === undefined || request.isSilent) return undefined;
  const { service, method } = request;
  const full = service !== undefined && method !== undefined ? `${service}/${method}` : (method ?? service);
  const attributes: Attribute[] = [["rpc.system.name", system]];
  if (full !== undefined) attributes.push(["rpc.method", full]);
  if (response?.status !== undefined) attributes.push(["rpc.response.status_code", response.status]);
  if (request.attributes !== undefined) attributes.push(...request.attributes);
  if (response?.attributes !== undefined) attributes.push(...response.attributes);
  const errorType = response === undefined ? missingResponse(session) : response.errorType;
  if (errorType !== undefined) attributes.push(["error.type", errorType]);
  const message = response?.statusMessage?.slice(0, MAX_TEXT);
  return {
    name: full ?? system,
    attributes,
    isError: errorType !== undefined,
    ...(message !== undefined && message !== "" ? { statusMessage: message } : {}),
  };
}

export function carriedProperty(message: RpcMessage, key: string): string | undefined {
  return message.properties?.get(key);
}

/** Both ends count their own requests: the ids of the accepting end are kept apart. */
export function exchangeId(id: number | string, requester: Sender): number | string {
  return requester === Sender.client ? id : `s${id}`;
}

/** The other end. */
export function peerOf(sender: Sender): Sender {
  return sender === Sender.client ? Sender.server : Sender.client;
}
