/** Certificates for engines that are reached through TLS, as Docker keeps them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { LaminixError } from "../../errors.js";

export interface Certificates {
  /** Of the authority that vouches for the engine; the system's unless given. */
  readonly ca?: Buffer | undefined;
  /** Our own, with its key. */
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
  /** Whether what is reached by `tcp://` has to speak TLS. */
  readonly required: boolean;
  /** Whether the engine need not prove who it is. */
  readonly unverified?: boolean;
}

/**
 * Those of a folder's `ca.pem`, `cert.pem` and `key.pem` that are there.
 * @throws {LaminixError} ERR_FILE_READ
 */
export function readCertificates(folder: string): Pick<Certificates, "ca" | "cert" | "key"> {
  const [ca, cert, key] = ["ca.pem", "cert.pem", "key.pem"].map((name) => readIfThere(join(folder, name)));
  return { ca, cert, key };
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new LaminixError("ERR_FILE_READ", `${path} cannot be read`, { cause, details: { path } });
  }
}
