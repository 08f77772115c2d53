/** A binary cache in a folder. */
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { type OwnedBytes, ownedBytes } from "../../bytes/bytes.js";
import { LaminixError } from "../../errors.js";
import type { CallOptions } from "../connection.js";
import { absent, type CacheFiles } from "./files.js";

export class FolderFiles implements CacheFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws {LaminixError} ERR_BINARY_CACHE, ERR_FILE_READ */
  async *read(name: string, { signal }: CallOptions = {}): OwnedBytes {
    const path = join(this.#folder, name);
    try {
      yield* ownedBytes(createReadStream(path, { highWaterMark: 1 << 18, ...(signal && { signal }) }));
    } catch (cause) {
      signal?.throwIfAborted();
      const errno = (cause as NodeJS.ErrnoException).code;
      if (errno === "ENOENT" || errno === "ENOTDIR") throw absent(path, cause, { path });
      throw new LaminixError("ERR_FILE_READ", `${path} cannot be read`, { cause, details: { path } });
    }
  }
}
