/** Where a layout's files are: in a folder, or in an archive of one. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../../bytes/digest.js";
import type { ArchiveFiles } from "../archiveFiles.js";
import { type Region, StoredFile, wholeOf } from "../../files/storedFile.js";

export interface LayoutFiles extends Disposable {
  /** What it is called in errors. */
  readonly path: string;
  /** `undefined` when there is nothing of that name. */
  find(name: string): Region | undefined;
  close(): void;
}

export class FolderFiles implements LayoutFiles {
  readonly path: string;
  readonly #open = new Map<string, StoredFile>();

  constructor(path: string) {
    this.path = path;
  }

  /** @throws {LaminixError} ERR_FILE_READ */
  find(name: string): Region | undefined {
    const path = join(this.path, name);
    let file = this.#open.get(name);
    if (!file) {
      if (!existsSync(path)) return undefined;
      file = StoredFile.open(path);
      this.#open.set(name, file);
    }
    return wholeOf(file);
  }

  close(): void {
    for (const file of this.#open.values()) file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export class ArchivedFiles implements LayoutFiles {
  readonly path: string;
  readonly #files: ArchiveFiles;

  constructor(files: ArchiveFiles) {
    this.path = files.file.path;
    this.#files = files;
  }

  find(name: string): Region | undefined {
    return this.#files.find(name);
  }

  close(): void {
    this.#files.file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** OCI image-spec, image-layout.md, "Blobs". A digest has been checked, so that it leads nowhere else. */
export function blobName(digest: Digest): string {
  return `blobs/${digest.replace(":", "/")}`;
}
