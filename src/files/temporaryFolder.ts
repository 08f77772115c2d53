/** A folder for as long as some work takes. */
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { debuglog } from "node:util";
import { LaminixError } from "../errors.js";
import { removeTree } from "./removeTree.js";
import { temporaryPath } from "./temporary.js";
import { unfinished } from "./unfinished.js";

const debug = debuglog("laminix");

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

  /** What cannot be removed is left to the next start: an error here would hide that of the work. */
  [Symbol.dispose](): void {
    try {
      removeTree(this.path);
      unfinished.delete(this.path);
    } catch (error) {
      debug("%s was not removed: %s", this.path, error);
    }
  }
}
