import { requireAbsolutePath, withoutSlashes } from "./checks.js";
import type { Piece } from "./piece.js";

/** Where programs of the common distributions look for the authorities that they trust. */
const PLACES = [
  "/etc/ssl/certs/ca-bundle.crt",
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
];

/**
 * A bundle of certificates at the places where programs look for one.
 * @param cacert a package with `etc/ssl/certs/ca-bundle.crt`, or the path of a bundle, which ends in `.crt` or `.pem`
 * @throws {ArgumentError} ERR_ARGUMENT
 */
export function caCertificates(cacert: string): Piece {
  requireAbsolutePath(cacert, "cacert");
  const path = withoutSlashes(cacert);
  const bundle = /\.(?:crt|pem)$/.test(path) ? path : `${path}/etc/ssl/certs/ca-bundle.crt`;
  return { files: Object.fromEntries(PLACES.map((place) => [place, { link: bundle }])) };
}
