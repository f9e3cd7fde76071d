/** What a failure is called in the log and on the pages: one line, not long, and what to do where that is known. */

const MAX_LENGTH = 300;

/** Words of Node, OpenSSL and grpc-js, and what they mean for the configuration. */
const ADVICE: readonly (readonly [words: RegExp, text: string])[] = [
  [/unable to verify|self-signed certificate|unable to get (?:local )?issuer/, "name its authority in tls.ca_file"],
  [/match certificate's altnames/, "tls.server_name_override says the name in its certificate"],
  [/certificate has expired/, "the server needs a new certificate"],
  [/certificate is not yet valid/, "look at the clocks of both hosts"],
  [/wrong version number|packet length too long/, "the server speaks no TLS here: write the endpoint with http://"],
  [
    /alert certificate required|alert bad certificate|alert handshake failure/,
    "it may want a certificate of ours: tls.cert_file and tls.key_file",
  ],
  [/alert unknown ca/, "the server does not know the authority of tls.cert_file"],
  [/alert protocol version|unsupported protocol/, "tls.min_version and tls.max_version say which TLS is spoken"],
  [/Parse Error: Expected HTTP/, "it speaks no HTTP/1 here: gRPC's port is for otlp_grpc"],
  [/Last error: Protocol error|no application protocol/, "it speaks no gRPC here: HTTP's port is for otlp_http"],
];

/** Where a plain connection is closed without a word. */
const CLOSED = /socket hang up|ECONNRESET|Last error: Failed to connect/;

export function failureReason(text: string, isPlain = false): string {
  const line = text
    .replace(/\s*\(\d{4}-\d\d-\d\dT[\d:.]+Z\)/, "")
    .replace(/[.]?\s*Resolution note:\s*$/, "")
    .replace(/\s+/g, " ")
    .trim();
  const short = line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH)}...` : line;
  const found = ADVICE.find(([words]) => words.test(line))?.[1];
  if (found !== undefined) return `${short} (${found})`;
  return isPlain && CLOSED.test(line) ? `${short} (if it wants TLS, write the endpoint with https://)` : short;
}
