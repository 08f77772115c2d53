/** The files of a cache's NARs: in the cache, or at the absolute URL that a narinfo gives (Nix reads these, too). */
import type { OwnedBytes } from "../../bytes/bytes.js";
import { LaminixError } from "../../errors.js";
import { redactUrl } from "../../redact.js";
import type { CallOptions } from "../connection.js";
import type { CacheFiles } from "./files.js";
import type { HttpReader } from "./httpFiles.js";

export interface NarPlaces {
  /** The cache's own URL, where it is behind HTTP. */
  readonly base: URL | undefined;
  /** Hosts that NARs may be on besides: `host` or `host:port`. */
  readonly allowed: readonly string[];
}

export class NarFiles {
  readonly #files: CacheFiles;
  readonly #reader: HttpReader;
  readonly #places: NarPlaces;

  constructor(files: CacheFiles, reader: HttpReader, places: NarPlaces) {
    this.#files = files;
    this.#reader = reader;
    this.#places = places;
  }

  /**
   * @param file as a narinfo has it
   * @throws {LaminixError} ERR_BINARY_CACHE for a host that is not allowed, and what reading throws
   */
  read(file: string | URL, options: CallOptions): OwnedBytes {
    if (typeof file === "string") return this.#files.read(file, options);
    this.#check(file);
    return this.#reader.read(file, options);
  }

  #check(url: URL): void {
    const { base, allowed } = this.#places;
    if (url.origin === base?.origin) return;
    const { protocol, host } = url;
    if (base?.protocol === "https:" && protocol === "http:")
      throw elsewhere(url, "a cache that is read over https may not name NARs over http");
    if (allowed.some((each) => new URL(`${protocol}//${each}`).host === host)) return;
    throw elsewhere(
      url,
      "this host is not the cache's",
      `allow it with --allow-nar-host ${host} (allowNarHosts); its NARs are verified like all others`,
    );
  }
}

/** Whether it names a host, and perhaps a port, and nothing else. */
export function isHost(text: string): boolean {
  return /^(?:\[[\da-f:.]+\]|[\w.-]+)(?::\d+)?$/i.test(text) && URL.canParse(`http://${text}`);
}

function elsewhere(url: URL, why: string, hint?: string): LaminixError {
  return new LaminixError("ERR_BINARY_CACHE", `the NAR at ${redactUrl(url)} is not read: ${why}`, {
    details: { url: redactUrl(url), host: url.host },
    ...(hint !== undefined && { hint }),
  });
}
