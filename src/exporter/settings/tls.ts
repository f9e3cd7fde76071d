import { z } from "zod";
import { ExporterFileError } from "../error.ts";
import type { FileAccess } from "../exporter.ts";

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
  })
  .refine(({ cert_file, key_file }) => (cert_file === undefined) === (key_file === undefined), {
    path: ["key_file"],
    message: "cert_file and key_file belong together",
  });

export type TlsSettings = z.output<typeof tlsSettings>;

export interface TlsFiles {
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
}

export async function readTlsFiles(settings: TlsSettings, files: Pick<FileAccess, "read">): Promise<TlsFiles> {
  const read = async (setting: "ca_file" | "cert_file" | "key_file"): Promise<Buffer | undefined> => {
    const path = settings[setting];
    if (path === undefined) return undefined;
    try {
      return await files.read(path);
    } catch (error) {
      throw new ExporterFileError(`tls.${setting}`, path, error);
    }
  };
  return { ca: await read("ca_file"), cert: await read("cert_file"), key: await read("key_file") };
}
