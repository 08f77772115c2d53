import path from "node:path";
import { mustRun } from "./run.js";

export interface Certificate {
  /** Files in PEM. */
  readonly key: string;
  readonly cert: string;
}

/**
 * Makes a certificate that is its own authority, for two days.
 * @param folder gets `key.pem` and `cert.pem`
 * @param subjectAltName as OpenSSL has it: `IP:127.0.0.1`
 */
export async function makeCertificate(
  folder: string,
  subject: string,
  subjectAltName?: string,
): Promise<Certificate> {
  const [key, cert] = [path.join(folder, "key.pem"), path.join(folder, "cert.pem")];
  await mustRun("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...["-subj", `/CN=${subject}`, "-keyout", key, "-out", cert],
    ...(subjectAltName === undefined ? [] : ["-addext", `subjectAltName=${subjectAltName}`]),
  ]);
  return { key, cert };
}
