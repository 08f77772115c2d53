/** The variables of a build, as Nix sets them for its sandbox (Nix manual, "Builder Execution"). */
import { LaminixError } from "../../errors.js";
import type { Piece } from "../../spec/pieces/piece.js";
import { ATTRIBUTES, BUILD_FOLDER } from "./places.js";
import type { ShellDerivation } from "./shellDerivation.js";

export interface BuildEnvironment {
  readonly variables: ReadonlyMap<string, string>;
  /** What `passAsFile` wants in files. */
  readonly files: Piece["files"];
}

/** @throws {LaminixError} ERR_UNSUPPORTED, ERR_DERIVATION */
export function buildEnvironment(
  { name, env }: ShellDerivation,
  { homeDirectory, storeDir }: { readonly homeDirectory: string; readonly storeDir: string },
): BuildEnvironment {
  refuseStructured(name, env);
  const { variables: own, files } = passedAsFiles(env);
  for (const [key, value] of own) requireVariable(name, key, value);
  const folders = ["NIX_BUILD_TOP", "TMPDIR", "TEMPDIR", "TMP", "TEMP", "PWD"];
  const variables = new Map([
    // Places that are not there: what a derivation does not bring along it shall not find by accident.
    ["SSL_CERT_FILE", "/no-cert-file.crt"],
    ["NIX_SSL_CERT_FILE", "/no-cert-file.crt"],
    ["PATH", "/path-not-set"],
    ["HOME", homeDirectory],
    ["NIX_STORE", storeDir],
    ["NIX_BUILD_CORES", "1"],
    ...own,
    ...folders.map((folder): [string, string] => [folder, BUILD_FOLDER]),
    ["TERM", "xterm-256color"],
  ]);
  return { variables, files };
}

/** Structured attributes reach a build as files of JSON and bash, which no environment can take the place of. */
function refuseStructured(name: string, env: ReadonlyMap<string, string>): void {
  if (!env.has("__json") && (env.get("__structuredAttrs") ?? "") === "") return;
  throw new LaminixError(
    "ERR_UNSUPPORTED",
    `${name} has structured attributes, of which no shell can be made`,
    {
      details: { name },
      hint: "override it with __structuredAttrs = false",
    },
  );
}

/** Nix gives the value of each variable that `passAsFile` names in a file, and that file's path in `<name>Path`. */
function passedAsFiles(env: ReadonlyMap<string, string>): BuildEnvironment {
  const names = new Set((env.get("passAsFile") ?? "").split(/\s+/).filter(Boolean));
  const files: Record<string, { text: string }> = {};
  const variables = new Map<string, string>();
  let count = 0;
  for (const [key, value] of env) {
    if (!names.has(key)) {
      variables.set(key, value);
      continue;
    }
    // Names of variables may have characters that names of files may not.
    const file = `${ATTRIBUTES}/${count++}`;
    files[file] = { text: value };
    variables.set(`${key}Path`, file);
  }
  return { variables, files };
}

function requireVariable(name: string, key: string, value: string): void {
  if (key !== "" && !/[=\0]/.test(key) && !value.includes("\0")) return;
  throw new LaminixError(
    "ERR_DERIVATION",
    `${name} has a variable ${JSON.stringify(key)}, which no program can have`,
    {
      details: { name, variable: key },
    },
  );
}
