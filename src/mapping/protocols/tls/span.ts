/** A TLS handshake as a span of its own, in the words of the semantic conventions' tls registry. */
import type { Attribute } from "../../span.ts";
import { missingResponse } from "../failure.ts";
import type { Session, SpanFields, SpanView } from "../protocol.ts";
import { tlsAlertName, tlsCipherName, tlsVersionName } from "./names.ts";
import type { TlsMessage } from "./tls.ts";

export function describeTls(session: Session<TlsMessage>, view: SpanView): SpanFields | undefined {
  const { request, response } = session;
  const asked = request?.hello;
  if (request === undefined || asked === undefined) return undefined;
  const attributes: Attribute[] = [];
  if (asked.serverName !== undefined) {
    attributes.push(["server.address", asked.serverName]);
    if (view.server.port !== 0) attributes.push(["server.port", view.server.port]);
  }
  attributes.push(["tls.protocol.name", "tls"]);
  const chosen = response?.hello;
  const version = tlsVersionName(chosen?.version ?? asked.version);
  // Without an answer it is the client's highest, which is not what was agreed.
  attributes.push([chosen === undefined ? "sockspan.tls.client.version" : "tls.protocol.version", version]);
  if (asked.protocols.length > 0) attributes.push(["sockspan.tls.client.protocols", [...asked.protocols]]);
  if (chosen !== undefined) {
    if (chosen.protocols[0] !== undefined) attributes.push(["tls.next_protocol", chosen.protocols[0]]);
    attributes.push(["tls.cipher", tlsCipherName(chosen.cipher)]);
  }
  const alert = response?.alert ?? request.alert;
  const isEstablished = chosen !== undefined && alert === undefined && session.incomplete === undefined;
  attributes.push(["tls.established", isEstablished]);
  const hasCertificate = response?.hasCertificate;
  if (isEstablished && version === "1.3") attributes.push(["tls.resumed", chosen.hasPreSharedKey]);
  else if (isEstablished && hasCertificate !== undefined) attributes.push(["tls.resumed", !hasCertificate]);
  if (response?.validity !== undefined) {
    attributes.push(["tls.server.not_before", response.validity.notBefore]);
    attributes.push(["tls.server.not_after", response.validity.notAfter]);
  }
  const closed = session.incomplete === "connection_closed" ? session.incomplete : missingResponse(session);
  const errorType = alert === undefined ? closed : tlsAlertName(alert);
  if (errorType !== undefined) attributes.push(["error.type", errorType]);
  return { name: "TLS handshake", attributes, isError: errorType !== undefined };
}
