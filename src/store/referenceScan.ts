/** Store paths that are named anywhere in a stream of bytes, as Nix looks for the references of what it has built. */

/** What follows the store's directory (Nix manual, "Store Path"). */
const HASH = /^[0-9a-df-np-sv-z]{32}-/;
const HASH_LENGTH = 33;

export class ReferenceScan {
  readonly #prefix: Buffer;
  readonly #hashes = new Set<string>();
  /** The end of what has been seen, in which the beginning of a path may lie. */
  #tail = Buffer.alloc(0);

  constructor(storeDir: string) {
    this.#prefix = Buffer.from(`${storeDir}/`);
  }

  add(piece: Uint8Array): void {
    const bytes = Buffer.concat([this.#tail, piece]);
    this.#scan(bytes);
    const reach = this.#prefix.length + HASH_LENGTH - 1;
    this.#tail = Buffer.from(bytes.subarray(Math.max(0, bytes.length - reach)));
  }

  /** The hash parts of the paths, sorted: the hash tells which path it is, wherever its name ends in the text. */
  hashParts(): string[] {
    return [...this.#hashes].sort();
  }

  #scan(bytes: Buffer): void {
    const prefix = this.#prefix;
    for (let at = bytes.indexOf(prefix); at >= 0; at = bytes.indexOf(prefix, at + 1)) {
      const start = at + prefix.length;
      const text = bytes.toString("latin1", start, start + HASH_LENGTH);
      if (HASH.test(text)) this.#hashes.add(text.slice(0, -1));
    }
  }
}
