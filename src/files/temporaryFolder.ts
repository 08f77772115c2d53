/** A folder for as long as some work takes. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LaminixError } from "../errors.js";
import { removeTree } from "./removeTree.js";

export class TemporaryFolder implements Disposable {
  readonly path: string;

  /** @throws {LaminixError} ERR_FILE_WRITE */
  constructor() {
    try {
      this.path = mkdtempSync(join(tmpdir(), "laminix-"));
    } catch (cause) {
      throw new LaminixError("ERR_FILE_WRITE", `a temporary folder cannot be made in ${tmpdir()}`, {
        cause,
        details: { path: tmpdir() },
        hint: "set TMPDIR to a folder that can be written to",
      });
    }
  }

  [Symbol.dispose](): void {
    removeTree(this.path);
  }
}
