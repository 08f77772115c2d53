/** The files in a tar archive, by name, as if it had been unpacked into a folder that nothing leads out of. */
import { posix } from "node:path";
import { LaminixError } from "../errors.js";
import { decode, toByteString } from "../bytes/byteString.js";
import { Pauses } from "../files/pauses.js";
import { type TarMember, tarMembers } from "../tar/members.js";
import { TarBudget, type TarLimits } from "../tar/tarBudget.js";
import { type Region, regionTar, type StoredFile, wholeOf } from "../files/storedFile.js";

/** Links from one member to the next, at the most. */
const MAX_LINKS = 40;
/** An archive of images has a few for each layer. */
const LIMITS: TarLimits = { members: 250_000, text: 64 << 20 };
/** Bytes of a path in Linux, the NUL at the end among them (PATH_MAX). */
const MAX_PATH = 4096;

export class ArchiveFiles {
  readonly file: StoredFile;
  readonly #members: ReadonlyMap<string, TarMember>;

  private constructor(file: StoredFile, members: ReadonlyMap<string, TarMember>) {
    this.file = file;
    this.#members = members;
  }

  /**
   * Of two members with the same name the later one counts.
   * @throws {LaminixError} ERR_ARCHIVE, ERR_UNSUPPORTED
   */
  static async index(
    file: StoredFile,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<ArchiveFiles> {
    const members = new Map<string, TarMember>();
    const pauses = new Pauses(signal);
    const budget = new TarBudget(LIMITS);
    for (const member of tarMembers(regionTar(wholeOf(file)), file.path, budget)) {
      if (pauses.isDue()) await pauses.take();
      if (Math.max(member.name.length, member.linkname.length) >= MAX_PATH)
        throw unreadable(file, `its member ${decode(member.name.slice(0, 200))} has a path that is too long`);
      budget.takeText(member.pax.room, file.path);
      const name = inside(member.name);
      if (name === undefined) throw unreadable(file, `its member ${decode(member.name)} lies outside of it`);
      if (targetOf(member, name) === undefined && isLink(member)) {
        throw unreadable(file, `its member ${decode(member.name)} leads out of it`);
      }
      members.set(name, member);
    }
    return new ArchiveFiles(file, members);
  }

  has(name: string): boolean {
    return this.member(name) !== undefined;
  }

  /** The member itself, links not followed. */
  member(name: string): TarMember | undefined {
    const key = inside(toByteString(name));
    return key === undefined ? undefined : this.#members.get(key);
  }

  /**
   * Where a file's bytes are, links followed; `undefined` when there is nothing of that name.
   * @throws {LaminixError} ERR_ARCHIVE when it is no file, or a circle of links
   */
  find(name: string): Region | undefined {
    let key = inside(toByteString(name));
    for (let links = 0; links < MAX_LINKS; links++) {
      const member = key === undefined ? undefined : this.#members.get(key);
      if (key === undefined || !member) return undefined;
      if (member.type === "file") return { file: this.file, offset: member.offset, size: member.size };
      if (!isLink(member)) throw unreadable(this.file, `its ${name} is not a file`);
      key = targetOf(member, key);
    }
    throw unreadable(this.file, `its ${name} is not a file but a circle of links`);
  }
}

function isLink({ type }: TarMember): boolean {
  return type === "symlink" || type === "hardlink";
}

/** Where a link leads, as a name; `undefined` when that is outside. */
function targetOf({ type, linkname }: TarMember, name: string): string | undefined {
  if (type === "hardlink" || linkname.startsWith("/")) return inside(linkname);
  return inside(posix.join(posix.dirname(name), linkname));
}

/** A name without what means nothing in it; `undefined` for one that leads out of its folder. */
function inside(name: string): string | undefined {
  const normal = posix.normalize(name).replace(/^\/+|\/+$/g, "");
  return normal === ".." || normal.startsWith("../") ? undefined : normal;
}

function unreadable({ path }: StoredFile, why: string): LaminixError {
  return new LaminixError("ERR_ARCHIVE", `${path} is not an image archive that can be read: ${why}`, {
    details: { path },
  });
}
