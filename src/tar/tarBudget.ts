/** How much is read of tar archives that belong together: all layers of an image, say. */
import { LaminixError } from "../errors.js";

export interface TarLimits {
  readonly members: number;
  /** Bytes of names, of what links lead to, and of the PAX records that are kept. */
  readonly text: number;
}

/** More than the largest images have. Each member takes some three hundred bytes of memory besides its text. */
const DEFAULT: TarLimits = { members: 3_000_000, text: 512 << 20 };

/** Bytes of memory that a PAX record takes besides its text. */
export const RECORD_ROOM = 64;

export class TarBudget {
  readonly #limits: TarLimits;
  #members = 0;
  #text = 0;

  constructor(limits: Partial<TarLimits> = {}) {
    this.#limits = { ...DEFAULT, ...limits };
  }

  /**
   * To be asked for each member.
   * @param archive what it is called in errors
   * @param text bytes of its name and of what it links to
   * @throws {LaminixError} ERR_ARCHIVE
   */
  takeMember(archive: string, text: number): void {
    const { members } = this.#limits;
    if (++this.#members > members) throw spent(archive, `there are more than ${members} members`, members);
    this.takeText(text, archive);
  }

  /** @throws {LaminixError} ERR_ARCHIVE */
  takeText(bytes: number, archive: string): void {
    const { text } = this.#limits;
    this.#text += bytes;
    if (this.#text <= text) return;
    const most = `${String(Math.floor(text / (1 << 20)))} MiB`;
    throw spent(archive, `names and PAX records have more than ${most}`, text);
  }
}

function spent(archive: string, why: string, limit: number): LaminixError {
  return new LaminixError("ERR_ARCHIVE", `${archive} cannot be read: ${why}`, {
    details: { path: archive, limit },
  });
}
