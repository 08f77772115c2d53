/** The Nix source that an evaluator was given as text, and what its places are in that text. */
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { LaminixError } from "../../errors.js";
import { evaluationFailure, type Place } from "../failure.js";
import type { Sent, Transfer } from "../sessions/transfer.js";
import type { Transcript } from "../transcript.js";
import { type Insertion, isPlainPath, originalColumn, withAbsolutePaths } from "./relativePaths.js";

/** Attributes of the library's answers (see library.ts). */
const OWN =
  /^while evaluating (?:the )?attribute '(?:load|warm|choose|type|value|keys|length|arguments|position|context)'$/;

export class Sources {
  readonly #transfer: Transfer;
  readonly #cwd: string;
  readonly #file: RegExp;
  readonly #link: string;
  #folder: string | undefined;
  readonly #insertions = new Map<string, readonly Insertion[]>();

  /**
   * @param cwd where relative paths start
   * @param workspace a folder of one's own
   */
  constructor(transfer: Transfer, cwd: string, workspace: string) {
    this.#transfer = transfer;
    this.#cwd = cwd;
    this.#file = new RegExp(`${workspace.replace(/[^\w/-]/g, "\\$&")}/\\d+\\.nix`, "g");
    this.#link = join(workspace, "cwd");
  }

  /** An expression of the source's value. */
  add(source: string): Sent {
    const { text, insertions } = withAbsolutePaths(source, this.#plainFolder());
    const sent = this.#transfer.source(text);
    this.#insertions.set(sent.file, insertions);
    return sent;
  }

  /** Places in the library's and the prompt's text are none of the caller's. */
  readonly place: Place = (position) => {
    const { file, line, column } = position;
    if (file === "«string»" || file === "«stdin»") return undefined;
    // In the store a file has a hash before its name.
    const name = file.replace(/^.*\/[a-z0-9]{32}-(?=\d+\.nix$)/, "");
    const insertions = this.#insertions.get(file) ?? this.#insertions.get(name);
    if (!insertions) return position;
    return { file: "«stdin»", line, column: originalColumn(insertions, line, column) };
  };

  /** Whether what Nix was doing, at no place that it names, was the library's. */
  readonly isHidden = (message: string): boolean =>
    /^from call site$|^while calling anonymous lambda$/.test(message) || OWN.test(message);

  /** A text of Nix without the names that the evaluator has given to files. */
  readonly renamed = (text: string): string => text.replaceAll(this.#file, "«stdin»");

  /** The error of what has failed, in the caller's words. */
  readonly failure = (transcript: Transcript, cause: LaminixError): LaminixError =>
    evaluationFailure(transcript, cause, this.place, this);

  #plainFolder(): string {
    if (this.#folder !== undefined) return this.#folder;
    if (isPlainPath(this.#cwd)) return (this.#folder = this.#cwd);
    if (!isPlainPath(this.#link)) {
      throw new LaminixError("ERR_UNSUPPORTED", `no Nix path can be written of ${this.#cwd}`, {
        hint: "set TMPDIR to a folder whose path has only letters, digits and ._+-",
      });
    }
    symlinkSync(this.#cwd, this.#link);
    return (this.#folder = this.#link);
  }
}
