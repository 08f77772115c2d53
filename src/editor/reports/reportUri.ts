/** Names of reports: `laminix:/nix/store/…?closure`, or `laminix:/folder/web.laminix.json?layers`. */
import { LaminixError } from "../../errors.js";

/** What reports there are of a store path alone. */
export const PATH_REPORTS = ["path", "closure", "referrers", "roots", "derivation"] as const;

export type ReportOf =
  | { readonly kind: (typeof PATH_REPORTS)[number]; readonly path: string }
  /** `to` is a path, or a name as `laminix why-depends` takes it. */
  | { readonly kind: "why-depends"; readonly path: string; readonly to: string }
  /** Of the spec with this URI. */
  | { readonly kind: "layers"; readonly spec: string };

export const SCHEME = "laminix";

export function reportUri(report: ReportOf): string {
  if (report.kind === "layers") return `${SCHEME}:/spec?layers=${encoded(report.spec)}`;
  const path = report.path.split("/").map(encoded).join("/");
  if (report.kind !== "why-depends") return `${SCHEME}:${path}?${report.kind}`;
  return `${SCHEME}:${path}?${report.kind}=${encoded(report.to)}`;
}

/**
 * Editors write URIs anew, and escape in them what they like.
 * @throws {LaminixError} ERR_ARGUMENT where it names no report
 */
export function parseReportUri(uri: string): ReportOf {
  const [, place = "", query = ""] = /^laminix:(?:\/\/(?=\/))?([^?#]*)\?([^#]*)$/.exec(uri) ?? [];
  const [path, asked] = [decoded(place), decoded(query)];
  const equals = asked.indexOf("=");
  const kind = equals === -1 ? asked : asked.slice(0, equals);
  const value = equals === -1 ? "" : asked.slice(equals + 1);
  const only = PATH_REPORTS.find((each) => each === kind);
  if (only && equals === -1 && path !== "") return { kind: only, path };
  if (kind === "why-depends" && path !== "" && value !== "") return { kind, path, to: value };
  if (kind === "layers" && value !== "") return { kind, spec: value };
  throw new LaminixError("ERR_ARGUMENT", `${JSON.stringify(uri)} is no report`, {
    details: { uri },
    hint: `a report is laminix:/nix/store/<hash>-<name>?closure; there are ${[...PATH_REPORTS, "why-depends=", "layers="].join(", ")}`,
  });
}

/** Half of a surrogate pair, which JSON can bring, has no UTF-8 and so no escape. */
function encoded(text: string): string {
  return encodeURIComponent(text.replaceAll(/\p{Surrogate}/gu, "\ufffd"));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
