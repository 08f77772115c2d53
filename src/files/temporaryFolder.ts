/** A folder for as long as some work takes. */
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { LaminixError } from "../errors.js";
import { removeTree } from "./removeTree.js";
import { temporaryPath } from "./temporary.js";
import { unfinished } from "./unfinished.js";

export class TemporaryFolder implements Disposable {
  readonly path = temporaryPath();

  /** @throws {LaminixError} ERR_FILE_WRITE */
  constructor() {
    unfinished.add(this.path);
    try {
      mkdirSync(this.path, 0o700);
    } catch (cause) {
      unfinished.delete(this.path);
      throw new LaminixError("ERR_FILE_WRITE", `a temporary folder cannot be made in ${tmpdir()}`, {
        cause,
        details: { path: tmpdir() },
        hint: "set TMPDIR to a folder that can be written to",
      });
    }
  }

  [Symbol.dispose](): void {
    removeTree(this.path);
    unfinished.delete(this.path);
  }
}
