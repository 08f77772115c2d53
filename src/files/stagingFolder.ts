/** A folder in which something waits until all of it is there. */
import { mkdir, readdir, rename, rmdir } from "node:fs/promises";
import { cannotWrite, cannotWriteUnlessCoded } from "./cannotWrite.js";
import { outputTarget } from "./outputTarget.js";
import { unfinished } from "./owner.js";
import { partialPath, removeRemains } from "./partial.js";
import { tryToRemove } from "./removeTree.js";

export class StagingFolder implements AsyncDisposable {
  readonly #asked: string;
  readonly #path: string;
  #made: Promise<string> | undefined;

  private constructor(asked: string, path: string) {
    this.#asked = asked;
    this.#path = path;
  }

  /**
   * Checks that it can be made; it is made when its path is asked for.
   * @param asked how errors call it
   * @param target what it is beside; with a slash at the end, the folder that it is in
   * @throws {LaminixError} ERR_FILE_WRITE
   */
  static async for(asked: string, target: string): Promise<StagingFolder> {
    try {
      await removeRemains(target);
      const trial = partialPath(target);
      await mkdir(trial);
      await rmdir(trial);
      return new StagingFolder(asked, partialPath(target));
    } catch (error) {
      throw cannotWriteUnlessCoded(asked, error);
    }
  }

  /** @throws {LaminixError} ERR_FILE_WRITE */
  path(): Promise<string> {
    unfinished.add(this.#path);
    this.#made ??= mkdir(this.#path).then(
      () => this.#path,
      (error: unknown) => {
        throw cannotWrite(this.#asked, error);
      },
    );
    return this.#made;
  }

  /** Removes what is still in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#made?.then(tryToRemove, () => undefined);
    unfinished.delete(this.#path);
  }
}

/** A folder that is made: it is there whole or not at all. */
export class NewFolder implements AsyncDisposable {
  readonly #asked: string;
  readonly #target: string;
  readonly #staging: StagingFolder;

  private constructor(asked: string, target: string, staging: StagingFolder) {
    this.#asked = asked;
    this.#target = target;
    this.#staging = staging;
  }

  /** @throws {LaminixError} ERR_FILE_WRITE where something is there that is no empty folder, or no folder can be made */
  static async at(asked: string): Promise<NewFolder> {
    const target = await outputTarget(asked);
    if (
      (target.kind !== "file" && target.kind !== "folder") ||
      (target.exists && !(await isEmpty(target.path)))
    )
      throw cannotWrite(asked, { code: "EEXIST" });
    return new NewFolder(asked, target.path, await StagingFolder.for(asked, target.path));
  }

  /** Where to put what it is to have. */
  path(): Promise<string> {
    return this.#staging.path();
  }

  /** @throws {LaminixError} ERR_FILE_WRITE */
  async commit(): Promise<void> {
    const made = await this.path();
    await rename(made, this.#target).catch((error: unknown) => {
      throw cannotWrite(this.#asked, error);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#staging[Symbol.asyncDispose]();
  }
}

/** `false` for what is no folder. */
async function isEmpty(folder: string): Promise<boolean> {
  return (await readdir(folder).catch(() => [folder])).length === 0;
}
