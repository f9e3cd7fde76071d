import { X509Certificate } from "node:crypto";
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";
import { ExporterFileError } from "./error.ts";
import type { FileAccess } from "./exporter.ts";
import type { TlsSettings } from "./settings/tls.ts";

/** One of the three that tls names by a file, or gives as text. */
interface Pem {
  readonly setting: string;
  /** The file's, or where the text stands. */
  readonly place: string;
  readonly bytes: Buffer;
}

/**
 * Keys and certificates, looked at before anything is sent: a wrong one would fail at every connection.
 *
 * @throws ExporterFileError
 */
export async function createTlsContext(settings: TlsSettings, files: Pick<FileAccess, "read">): Promise<SecureContext> {
  const [ca, cert, key] = await Promise.all([
    readPem("ca", settings.ca_file, settings.ca_pem, files),
    readPem("cert", settings.cert_file, settings.cert_pem, files),
    readPem("key", settings.key_file, settings.key_pem, files),
  ]);
  for (const each of [ca, cert]) check(each, ({ bytes }) => new X509Certificate(bytes), "holds no certificate");
  const { min_version, max_version, include_system_ca_certs_pool } = settings;
  const versions = {
    ...(min_version === undefined ? {} : { minVersion: `TLSv${min_version === "1.0" ? "1" : min_version}` as const }),
    ...(max_version === undefined ? {} : { maxVersion: `TLSv${max_version === "1.0" ? "1" : max_version}` as const }),
  };
  const authorities =
    ca === undefined ? {} : { ca: [ca.bytes, ...(include_system_ca_certs_pool ? rootCertificates : [])] };
  const shown = cert === undefined ? {} : { cert: cert.bytes };
  check(key, ({ bytes }) => createSecureContext({ key: bytes }), "holds no private key that can be read");
  check(key, ({ bytes }) => createSecureContext({ ...shown, key: bytes }), "is not the key of the certificate");
  return createSecureContext({
    ...versions,
    ...authorities,
    ...shown,
    ...(key === undefined ? {} : { key: key.bytes }),
  });
}

async function readPem(
  name: "ca" | "cert" | "key",
  path: string | undefined,
  text: string | undefined,
  files: Pick<FileAccess, "read">,
): Promise<Pem | undefined> {
  if (text !== undefined) return { setting: `tls.${name}_pem`, place: "its text", bytes: Buffer.from(text) };
  if (path === undefined) return undefined;
  const setting = `tls.${name}_file`;
  try {
    return { setting, place: path, bytes: await files.read(path) };
  } catch (error) {
    throw new ExporterFileError(setting, path, error);
  }
}

function check(pem: Pem | undefined, use: (pem: Pem) => unknown, problem: string): void {
  if (pem === undefined) return;
  try {
    use(pem);
  } catch (error) {
    throw new ExporterFileError(pem.setting, pem.place, problem, error);
  }
}
