/** Settings of TLS that all exporters share. */
import { z } from "zod";

const version = z.enum(["1.0", "1.1", "1.2", "1.3"]);

/** The Collector's client tls settings, with its names and defaults. */
export const tlsSettings = z
  .strictObject({
    /** No TLS for an endpoint that has no scheme. */
    insecure: z.boolean().default(false),
    insecure_skip_verify: z.boolean().default(false),
    server_name_override: z.string().optional(),
    ca_file: z.string().optional(),
    cert_file: z.string().optional(),
    key_file: z.string().optional(),
    ca_pem: z.string().optional(),
    cert_pem: z.string().optional(),
    key_pem: z.string().optional(),
    /** Beside ca_file or ca_pem, which alone are trusted otherwise. */
    include_system_ca_certs_pool: z.boolean().default(false),
    min_version: version.default("1.2"),
    max_version: version.optional(),
  })
  .superRefine((tls, context) => {
    const problem = (key: string, message: string) => context.addIssue({ code: "custom", path: [key], message });
    for (const name of ["ca", "cert", "key"] as const) {
      const isTwice = tls[`${name}_file`] !== undefined && tls[`${name}_pem`] !== undefined;
      if (isTwice) problem(`${name}_pem`, `${name}_file and ${name}_pem exclude each other`);
    }
    const hasCert = (tls.cert_file ?? tls.cert_pem) !== undefined;
    const hasKey = (tls.key_file ?? tls.key_pem) !== undefined;
    if (hasCert !== hasKey) problem(hasKey ? "cert_file" : "key_file", "a certificate and its key belong together");
    if (tls.max_version !== undefined && tls.max_version < tls.min_version) problem("max_version", "below min_version");
  });

export type TlsSettings = z.output<typeof tlsSettings>;
