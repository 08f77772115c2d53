/**
 * Memory that one thread fills and another reads, shared so that nothing need be copied or sent: tars of small layers
 * wait in it from when they are made to when they are written. Regions are made and given back in much the same order,
 * so the free space is what lies between the last and the first of them.
 */

interface Region {
  readonly id: number;
  readonly start: number;
  end: number;
}

export class Arena {
  readonly #bytes: Buffer;
  #regions: Region[] = [];

  constructor(memory: SharedArrayBuffer) {
    this.#bytes = Buffer.from(memory);
  }

  /** Takes the largest free stretch. */
  open(id: number): Draft {
    const { start, length } = this.#gap();
    const region = { id, start, end: start + length };
    this.#regions.push(region);
    return new Draft(this.#bytes.subarray(start, region.end), (used) => {
      region.end = region.start + used;
    });
  }

  release(id: number): void {
    this.#regions = this.#regions.filter((region) => region.id !== id);
  }

  #gap(): { readonly start: number; readonly length: number } {
    const first = this.#regions[0];
    const last = this.#regions.at(-1);
    if (!first || !last) return { start: 0, length: this.#bytes.length };
    if (last.start < first.start) return { start: last.end, length: first.start - last.end };
    const after = this.#bytes.length - last.end;
    return first.start > after ? { start: 0, length: first.start } : { start: last.end, length: after };
  }
}

/** A region that is being filled. */
export class Draft {
  readonly #bytes: Buffer;
  readonly #resize: (used: number) => void;
  #used = 0;

  constructor(bytes: Buffer, resize: (used: number) => void) {
    this.#bytes = bytes;
    this.#resize = resize;
  }

  /** The next place to write to, of at most `most` bytes; `undefined` where less than `least` are left. */
  next(least: number, most: number): Buffer | undefined {
    const left = this.#bytes.length - this.#used;
    return left < least ? undefined : this.#bytes.subarray(this.#used, this.#used + Math.min(left, most));
  }

  /** So many bytes of the last place have been written. */
  advance(bytes: number): void {
    this.#used += bytes;
  }

  /** Keeps what was written and gives back the rest. */
  keep(): { readonly start: number; readonly length: number } {
    this.#resize(this.#used);
    return { start: this.#bytes.byteOffset, length: this.#used };
  }
}
