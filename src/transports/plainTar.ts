/** Uncompressed tars of layers that images bring along: some lie plain, others are unpacked when they are first needed. */
import { LaminixError } from "../errors.js";
import { type BorrowedBytes, PIECE } from "../bytes/bytes.js";
import { type Digest, Digester, requireDigest } from "../bytes/digest.js";
import type { RandomAccess } from "../bytes/bytes.js";
import { type Region, regionPieces, regionTar, type StoredFile, wholeOf } from "../files/storedFile.js";
import type { AccessOptions, LayerDigest, LayerOptions } from "../image/layer.js";
import { Turns } from "../threads/turns.js";
import { UnpackBudget } from "./unpackBudget.js";

/** What the layers of images that were opened together share. Closed, it lets go of all that was unpacked. */
export class Unpacking implements Disposable {
  readonly budget: UnpackBudget;
  /** Layers are unpacked one after the other. */
  readonly turns = new Turns(1);
  readonly #tars: PlainTar[] = [];

  constructor(maxUnpacked?: number | UnpackBudget) {
    this.budget = UnpackBudget.of(maxUnpacked);
  }

  add(options: PlainTarOptions): PlainTar {
    const tar = new PlainTar(options, this.turns);
    this.#tars.push(tar);
    return tar;
  }

  /** Idempotent. */
  [Symbol.dispose](): void {
    for (const tar of this.#tars) tar[Symbol.dispose]();
  }
}

export interface PlainTarOptions {
  /** What it is called in errors. */
  readonly name: string;
  readonly diffId: Digest;
  /** Where it lies plain; `undefined` where it has to be unpacked. */
  readonly plain: () => Region | undefined;
  /** Checks the bytes. The file is closed by who asked. */
  readonly unpack: (signal: AbortSignal | undefined) => Promise<StoredFile>;
}

export class PlainTar implements Disposable {
  readonly #options: PlainTarOptions;
  readonly #turns: Turns;
  #unpacked: StoredFile | undefined;
  /** How many read it at this moment. */
  #readers = 0;
  #isAccessed = false;
  #isChecked = false;
  #isClosed = false;

  constructor(options: PlainTarOptions, turns: Turns) {
    this.#options = options;
    this.#turns = turns;
  }

  async digest({ signal }: LayerOptions = {}): Promise<LayerDigest> {
    const { size } = await this.#region(signal);
    return { diffId: this.#options.diffId, size };
  }

  /** @throws {LaminixError} ERR_DIGEST at the end, when the bytes are not those of the diffID; ERR_ARCHIVE, ERR_CLOSED */
  async *open({ signal }: LayerOptions = {}): AsyncGenerator<Uint8Array> {
    const { name, diffId } = this.#options;
    this.#readers++; // before the first wait, so that nobody releases what is about to be read
    try {
      const region = await this.#region(signal);
      // Nobody else can change what has been unpacked; an archive may have changed since it was read.
      const digester = this.#unpacked ? undefined : new Digester();
      for await (const piece of regionPieces(region, { signal, buffer: Buffer.allocUnsafeSlow(PIECE) })) {
        digester?.update(piece);
        yield piece;
      }
      if (digester) requireDigest(name, diffId, digester.digest());
    } finally {
      this.#readers--;
    }
  }

  /**
   * To be read anywhere until the image is closed. Checked before, unless it is `trusted`.
   * @throws {LaminixError} as `open`
   */
  async access({ signal, trusted = false }: AccessOptions = {}): Promise<RandomAccess> {
    this.#isAccessed = true;
    const region = await this.#region(signal);
    if (!trusted && !this.#unpacked && !this.#isChecked) {
      await readToEnd(this.open({ signal }));
      this.#isChecked = true;
    }
    return regionTar(region);
  }

  /** Lets go of what was unpacked, unless it is being read. */
  release(): void {
    if (this.#readers > 0 || this.#isAccessed) return;
    this.#unpacked?.close();
    this.#unpacked = undefined;
  }

  /** Idempotent. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#unpacked?.close();
  }

  async #region(signal: AbortSignal | undefined): Promise<Region> {
    const { plain, unpack, name } = this.#options;
    const stored = plain();
    if (stored) return stored;
    if (this.#unpacked && !this.#isClosed) return wholeOf(this.#unpacked);
    return this.#turns.take(async () => {
      signal?.throwIfAborted();
      if (!this.#isClosed) this.#unpacked ??= await unpack(signal);
      if (this.#unpacked && !this.#isClosed) return wholeOf(this.#unpacked);
      this.#unpacked?.close();
      throw new LaminixError("ERR_CLOSED", `${name} has been closed`);
    });
  }
}

async function readToEnd(pieces: BorrowedBytes): Promise<void> {
  const iterator = pieces[Symbol.asyncIterator]();
  while (!(await iterator.next()).done);
}
