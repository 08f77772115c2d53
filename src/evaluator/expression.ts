/** Nix expressions as values. */
import { ArgumentError } from "../errors.js";
import { type Opener, scan } from "./scan.js";

/** The text of one whole Nix expression. Made by the `nix` template, or of a text that is trusted. */
export class NixExpression {
  readonly text: string;

  /**
   * @param text Nix source, taken as it is: never made of data, for which the `nix` template is
   * @throws {ArgumentError} ERR_ARGUMENT when a string, comment or bracket in it is not closed
   */
  constructor(text: string) {
    if (typeof text !== "string") throw new ArgumentError("text", "a string of Nix source", text);
    if (text.includes("\0")) throw new ArgumentError("text", "without NUL characters", text);
    const open: Opener[] = [];
    const place = scan(text, open);
    if (open.length > 0 || place === "comment" || place === "unbalanced") {
      throw new ArgumentError("text", "an expression whose strings, comments and brackets are closed", text);
    }
    // So that whatever comes next is not part of a comment.
    this.text = place === "line comment" ? `${text}\n` : text;
  }
}
