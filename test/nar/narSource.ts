import type { NarSource } from "../../dist/nar/source.js";
import { dump, identityOf, inPieces } from "./nars.js";

export interface CountedNar extends NarSource {
  /** How often it was begun, and how many are being read. */
  opened: number;
  open: number;
}

/** A NAR in memory, as if it came from elsewhere. */
export function narSource(
  bytes: Buffer,
  {
    pieces = 50_000,
    identity = identityOf(bytes),
  }: { pieces?: number | (() => number); identity?: { narHash: string; narSize: number } } = {},
): CountedNar {
  return {
    ...identity,
    opened: 0,
    open: 0,
    async *nar() {
      this.opened++;
      this.open++;
      try {
        // The same memory for every piece: nobody may keep one.
        let memory = Buffer.alloc(0);
        for await (const piece of inPieces(bytes, pieces)) {
          if (memory.length < piece.length) memory = Buffer.alloc(piece.length);
          piece.copy(memory);
          yield memory.subarray(0, piece.length);
          memory.fill(0xaa);
        }
      } finally {
        this.open--;
      }
    },
  };
}

/** What is at a place on the disk, as its NAR. */
export const narSourceOf = async (place: string, pieces?: number): Promise<CountedNar> =>
  narSource(await dump(place), pieces === undefined ? {} : { pieces });
