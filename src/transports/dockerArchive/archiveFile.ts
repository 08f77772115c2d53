import { closeSync, read } from "node:fs";
import { promisify } from "node:util";
import { LaminixError } from "../../errors.js";

const readAt = promisify(read);

/** An open file that knows when it has been closed: by then its descriptor may be another file's. */
export class ArchiveFile implements Disposable {
  readonly #path: string;
  readonly #descriptor: number;
  #open = true;

  constructor(path: string, descriptor: number) {
    this.#path = path;
    this.#descriptor = descriptor;
  }

  /** @throws {LaminixError} ERR_CLOSED */
  get descriptor(): number {
    if (this.#open) return this.#descriptor;
    throw new LaminixError("ERR_CLOSED", `${this.#path} has been closed`, { details: { path: this.#path } });
  }

  /**
   * Reads into a buffer, from its start.
   * @returns how many bytes; 0 at the file's end
   * @throws {LaminixError} ERR_CLOSED
   */
  async read(target: Buffer, length: number, position: number): Promise<number> {
    return (await readAt(this.descriptor, target, 0, length, position)).bytesRead;
  }

  /** May be called again. */
  close(): void {
    if (this.#open) closeSync(this.#descriptor);
    this.#open = false;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
