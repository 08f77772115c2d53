import { LaminixError } from "../../errors.js";

/** What is wrong with an image. `docs/validate.md` says what each code means. */
export type ProblemCode =
  | "LAYOUT_MISSING"
  | "LAYOUT_VERSION"
  | "INDEX_MISSING"
  | "MEMBER_MISSING"
  | "BLOB_MISSING"
  | "BLOB_SIZE"
  | "BLOB_DIGEST"
  | "JSON_INVALID"
  | "SCHEMA_VERSION"
  | "DESCRIPTOR_INVALID"
  | "DUPLICATE_ENTRY"
  | "REFERENCE_INVALID"
  | "REFERENCE_DUPLICATE"
  | "MEDIA_TYPE"
  | "COMPRESSION"
  | "CONFIG_INVALID"
  | "PLATFORM"
  | "HISTORY"
  | "DIFF_ID_COUNT"
  | "DIFF_ID"
  | "TAR_INVALID"
  | "TOO_MANY_PROBLEMS";

export interface Problem {
  readonly code: ProblemCode;
  /** The file, archive member or blob that has it; in a registry `REGISTRY/REPOSITORY@DIGEST`. */
  readonly path: string;
  readonly message: string;
}

/** More than anybody reads. */
const MOST = 1000;

/** Problems as they are found, each once. */
export class Findings {
  readonly problems: Problem[] = [];
  readonly #known = new Set<string>();

  report(code: ProblemCode, path: string, message: string): void {
    const key = `${code} ${path} ${message}`;
    if (this.problems.length > MOST || this.#known.has(key)) return;
    this.#known.add(key);
    if (this.problems.length < MOST) this.problems.push({ code, path, message });
    else this.problems.push({ code: "TOO_MANY_PROBLEMS", path: "", message: "more problems are not listed" });
  }
}

/** Whether an error tells of the image: not of this machine, nor of how much of an image is read. */
export function isDamage(error: unknown): error is LaminixError {
  return error instanceof LaminixError && DAMAGE.includes(error.code) && error.details["limit"] === undefined;
}

const DAMAGE: readonly string[] = [
  "ERR_ARCHIVE",
  "ERR_COMPRESSION",
  "ERR_DIGEST",
  "ERR_JSON",
  "ERR_UNSUPPORTED",
];
