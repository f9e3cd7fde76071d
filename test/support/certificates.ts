import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";

export interface Certificates {
  readonly caFile: string;
  readonly caKeyFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export function hasOpenssl(): boolean {
  return spawnSync("openssl", ["version"]).status === 0;
}

/** A certificate authority of its own and a certificate for localhost, made by openssl in `folder`. */
export function makeCertificates(folder: string): Certificates {
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "pipe" });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  openssl("req", "-x509", ...newKey, "-keyout", file("ca.key"), "-out", file("ca.pem"), "-subj", "/CN=test authority");
  openssl(
    ...["req", "-x509", ...newKey, "-keyout", file("key.pem"), "-out", file("cert.pem"), "-subj", "/CN=localhost"],
    ...["-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-addext", "subjectAltName=DNS:localhost,DNS:otel.test"],
  );
  return { caFile: file("ca.pem"), caKeyFile: file("ca.key"), certFile: file("cert.pem"), keyFile: file("key.pem") };
}
