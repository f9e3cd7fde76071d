/** Connections of the exporter `otlp_http`: kept open, plain or with TLS. */
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { connect as connectTcp } from "node:net";
import { connect as connectTls, type SecureContext } from "node:tls";
import type { TlsSettings } from "../settings/tls.ts";

const keepAlive = { keepAlive: true, keepAliveMsecs: 30_000 };

export function createHttpAgent(): HttpAgent {
  return new HttpAgent(keepAlive);
}

/** TLS over a socket of net.connect: the receiver sees those, and knows the connection as ours (own-exchanges.ts). */
export function createHttpsAgent(settings: TlsSettings, secureContext: SecureContext): HttpsAgent {
  const agent = new HttpsAgent(keepAlive);
  agent.createConnection = (options) => {
    const host = options.host ?? "localhost";
    const socket = connectTcp({ host, port: Number(options.port ?? 443) });
    return connectTls({
      socket,
      // Names only: an address is no server name (RFC 6066, 3).
      servername: settings.server_name_override ?? (/^[\d.]+$|:/.test(host) ? "" : host),
      host: settings.server_name_override ?? host,
      rejectUnauthorized: !settings.insecure_skip_verify,
      ALPNProtocols: ["http/1.1"],
      secureContext,
    });
  };
  return agent;
}
