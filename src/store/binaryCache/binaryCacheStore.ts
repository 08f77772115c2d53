/** A binary cache as a store to read from: no Nix, and no store, is needed on this machine. */
import type { NarSource } from "../../nar/source.js";
import { verifyNar } from "../../nar/verify.js";
import { abortable, abortScope } from "../../abort.js";
import { requireOptions, requireString, requireStrings } from "../../arguments.js";
import { LaminixError } from "../../errors.js";
import { redactUrl } from "../../redact.js";
import { Turns } from "../../threads/turns.js";
import { Closure, type PathInfo } from "../closure.js";
import type { CallOptions } from "../connection.js";
import { closureColumns } from "../sorted.js";
import { hashPart, type StorePath, toStorePath } from "../storePath.js";
import { type CacheInfo, MAX_CACHE_INFO, parseCacheInfo } from "./cacheInfo.js";
import { type CacheLocation, parseCacheUrl } from "./cacheUrl.js";
import { checked } from "./checked.js";
import { type CacheFiles, readText } from "./files.js";
import type { HttpReader } from "./httpFiles.js";
import type { NarFiles } from "./narFiles.js";
import { compressionOf, MAX_NAR_INFO, type NarInfo, parseNarInfo } from "./narInfo.js";
import { type BinaryCacheOptions, checkOptions, filesOf } from "./options.js";
import { isSigned, parsePublicKeys, type TrustedKeys } from "./signature.js";

/**
 * A binary cache, in a folder or over HTTP. A path's facts are accepted if a trusted key has signed them.
 * What it said is kept for as long as the store is.
 */
export class BinaryCacheStore implements AsyncDisposable {
  /** The URL as given, without a password. */
  readonly url: string;
  /** NARs are checked against the hashes that it names. */
  readonly vouchesForHashes = true;
  readonly #location: CacheLocation;
  readonly #files: CacheFiles;
  readonly #nars: NarFiles;
  readonly #reader: HttpReader;
  /** `undefined` where signatures are not asked for. */
  readonly #keys: TrustedKeys | undefined;
  readonly #turns: Turns;
  readonly #known = new Map<StorePath, NarInfo>();
  /** Those that were found to be signed: a look at a signature takes a tenth of a millisecond. */
  readonly #signed = new WeakSet<NarInfo>();
  #info: Promise<CacheInfo> | undefined;
  /** Aborted when closed. */
  readonly #end = new AbortController();

  /**
   * @param url `file:///folder`, `http://host` or `https://host`, with `?trusted-public-keys=` and others of Nix's
   *   parameters; nothing is asked yet
   * @throws {LaminixError} ERR_STORE_URL, ERR_SIGNATURE for a malformed key, ERR_FILE_READ for the netrc file
   */
  constructor(url: string, options: BinaryCacheOptions = {}) {
    requireString(url, "url");
    checkOptions(options);
    this.#location = parseCacheUrl(url);
    this.url = this.#location.url;
    ({ files: this.#files, nars: this.#nars, reader: this.#reader } = filesOf(this.#location, options));
    this.#turns = new Turns(options.parallel ?? 25);
    const given = [...this.#location.trustedPublicKeys, ...(options.trustedPublicKeys ?? [])];
    const keys = parsePublicKeys(given.length > 0 ? given : this.#location.defaultPublicKeys);
    this.#keys = (options.requireSignatures ?? this.#location.requireSignatures) ? keys : undefined;
  }

  /** @throws {LaminixError} ERR_BINARY_CACHE when it is no binary cache, or one of another store than `?store=` says */
  async cacheInfo(options: CallOptions = {}): Promise<CacheInfo> {
    requireOptions(options);
    this.#end.signal.throwIfAborted();
    // Shared by all who ask meanwhile, so one caller's signal must not end it for the others.
    const asking = (this.#info ??= this.#askInfo());
    asking.catch(() => {
      if (this.#info === asking) this.#info = undefined;
    });
    return abortable(asking, options.signal);
  }

  /** The store directory of the cache's paths. */
  async storeDir(options: CallOptions = {}): Promise<string> {
    return (await this.cacheInfo(options)).storeDir;
  }

  /** Whether the cache has a path, whoever signed it. */
  async isValidPath(path: string, options: CallOptions = {}): Promise<boolean> {
    return (await this.#narInfo(await this.#storePath(path, options), options)) !== undefined;
  }

  /**
   * What the cache knows of a path; `undefined` where it has none. Caches do not tell times: it was registered at 0.
   * @throws {LaminixError} ERR_SIGNATURE, ERR_BINARY_CACHE, ERR_OUTSIDE_STORE, ERR_STORE_PATH
   */
  async pathInfo(path: string, options: CallOptions = {}): Promise<PathInfo | undefined> {
    const found = await this.#narInfo(await this.#storePath(path, options), options);
    return found && this.#trusted(found).info;
  }

  /**
   * The path with a hash part (the 32 characters before the name), if the cache has it.
   * @throws {LaminixError} ERR_STORE_PATH, ERR_BINARY_CACHE
   */
  async pathFromHashPart(hash: string, options: CallOptions = {}): Promise<StorePath | undefined> {
    requireString(hash, "hash");
    const { storeDir } = await this.cacheInfo(options);
    return (await this.#ask(hashPart(toStorePath(`${storeDir}/${hash}-x`, storeDir)), options))?.info.path;
  }

  /**
   * The closure of the paths. Many narinfos are requested at once, each only once.
   * @param paths store paths, or paths inside them
   * @throws {LaminixError} ERR_PATH_NOT_VALID, also for a reference that the cache does not have; ERR_SIGNATURE,
   *   ERR_BINARY_CACHE, ERR_OUTSIDE_STORE, ERR_STORE_PATH
   */
  async closure(paths: string | readonly string[], options: CallOptions = {}): Promise<Closure> {
    const given = typeof paths === "string" ? [paths] : paths;
    requireStrings(given, "paths");
    const { storeDir } = await this.cacheInfo(options);
    const roots = given.map((path) => toStorePath(path, storeDir));
    const infos = await this.#reachable(roots, options);
    const columns = closureColumns(roots, infos, {
      missing: (path) => this.#notThere(path),
      circle: (path, reference) =>
        new LaminixError(
          "ERR_BINARY_CACHE",
          `${this.url} says that ${path} and ${reference} reference one another`,
        ),
    });
    return new Closure(columns);
  }

  /**
   * A path's NAR, to be asked for once the path is known: after its closure, or it alone, has been asked for.
   * @throws {LaminixError} ERR_PATH_NOT_VALID, ERR_SIGNATURE
   */
  open(path: StorePath): NarSource {
    const found = this.#known.get(path);
    if (!found) throw this.#notThere(path, "it has not been asked for yet");
    const { info } = this.#trusted(found);
    return {
      narHash: info.narHash,
      narSize: info.narSize,
      nar: (options = {}) => this.#nar(found, options),
    };
  }

  /**
   * A path's NAR. It is verified only once it has ended without an error.
   * @throws {LaminixError} ERR_PATH_NOT_VALID, ERR_SIGNATURE, ERR_NAR_HASH, ERR_BINARY_CACHE, ERR_COMPRESSION,
   *   ERR_PROGRAM, ERR_UNSUPPORTED, ERR_OUTSIDE_STORE, ERR_STORE_PATH
   */
  async *nar(path: string, options: CallOptions = {}): AsyncGenerator<Uint8Array> {
    const storePath = await this.#storePath(path, options);
    const found = await this.#narInfo(storePath, options);
    if (!found) throw this.#notThere(storePath);
    yield* this.#nar(this.#trusted(found), options);
  }

  /** Rejects open questions and ends NARs that are being read. Idempotent. */
  async close(): Promise<void> {
    this.#end.abort(new LaminixError("ERR_CLOSED", `the store ${this.url} has been closed`));
    await this.#reader.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #askInfo(): Promise<CacheInfo> {
    const { signal } = this.#end;
    const text = await readText(this.#files, "nix-cache-info", { limit: MAX_CACHE_INFO, signal });
    if (text === undefined) {
      throw new LaminixError(
        "ERR_BINARY_CACHE",
        `${this.url} is not a binary cache: it has no nix-cache-info`,
        {
          details: { url: this.url },
        },
      );
    }
    const info = parseCacheInfo(text, `nix-cache-info of ${this.url}`);
    const { storeDir = info.storeDir, priority, wantMassQuery } = this.#location;
    if (storeDir !== info.storeDir) {
      throw new LaminixError(
        "ERR_BINARY_CACHE",
        `${this.url} is a binary cache of the store ${info.storeDir}, not of ${storeDir}`,
        { details: { url: this.url, expected: storeDir, actual: info.storeDir } },
      );
    }
    return {
      ...info,
      ...(priority !== undefined && { priority }),
      ...(wantMassQuery !== undefined && { wantMassQuery }),
    };
  }

  async #storePath(path: string, options: CallOptions): Promise<StorePath> {
    requireString(path, "path");
    return toStorePath(path, (await this.cacheInfo(options)).storeDir);
  }

  /** All that the roots reference. The first failure ends the other questions. */
  async #reachable(roots: readonly StorePath[], options: CallOptions): Promise<Map<StorePath, PathInfo>> {
    const infos = new Map<StorePath, PathInfo>();
    const asked = new Set<StorePath>();
    using scope = abortScope(options.signal);
    const visit = async (path: StorePath, referrer?: StorePath): Promise<void> => {
      if (asked.has(path)) return;
      asked.add(path);
      const found = await this.#narInfo(path, { signal: scope.signal });
      if (!found) throw this.#notThere(path, referrer && `${referrer} references it`);
      const { info } = this.#trusted(found);
      infos.set(path, info);
      await Promise.all(info.references.map((reference) => visit(reference, path)));
    };
    await Promise.all(roots.map((root) => visit(root)));
    return infos;
  }

  async #narInfo(path: StorePath, options: CallOptions): Promise<NarInfo | undefined> {
    const known = this.#known.get(path);
    if (known) return known;
    const found = await this.#ask(hashPart(path), options);
    // Nix, too, takes another name behind the same hash for another path.
    return found?.info.path === path ? found : undefined;
  }

  async #ask(hash: string, options: CallOptions): Promise<NarInfo | undefined> {
    const { storeDir } = await this.cacheInfo(options);
    const name = `${hash}.narinfo`;
    using scope = abortScope(options.signal, this.#end.signal);
    const { signal } = scope;
    const text = await this.#turns.take(() => readText(this.#files, name, { limit: MAX_NAR_INFO, signal }));
    if (text === undefined) return undefined;
    const found = parseNarInfo(text, storeDir, `${name} of ${this.url}`);
    const { path } = found.info;
    if (hashPart(path) !== hash) {
      throw new LaminixError("ERR_BINARY_CACHE", `${name} of ${this.url} is about ${path}`, {
        details: { path },
      });
    }
    this.#known.set(path, found);
    return found;
  }

  /** Every reading of a NAR ends with what it has begun: the request, and the program that decompresses. */
  async *#nar(narInfo: NarInfo, options: CallOptions): AsyncGenerator<Uint8Array> {
    requireOptions(options);
    const { info, file, fileHash, fileSize } = narInfo;
    const compression = compressionOf(narInfo);
    using scope = abortScope(options.signal, this.#end.signal);
    const { signal } = scope;
    try {
      const what = `the file ${typeof file === "string" ? file : redactUrl(file)} of ${redactUrl(this.url)}`;
      const bytes = checked(this.#nars.read(file, { signal }), {
        ...{ what, path: info.path, sha256: fileHash, size: fileSize },
      });
      const { decompress } = await import("../../compress/decompress.js");
      yield* verifyNar(decompress(bytes, compression, { signal }), info, { name: info.path });
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    }
  }

  /** @throws {LaminixError} ERR_SIGNATURE */
  #trusted(narInfo: NarInfo): NarInfo {
    const { info } = narInfo;
    if (!this.#keys || this.#signed.has(narInfo)) return narInfo;
    if (isSigned(info, this.#keys)) {
      this.#signed.add(narInfo);
      return narInfo;
    }
    const trusted = [...this.#keys.keys()];
    const signers = info.signatures.map((signature) => signature.slice(0, signature.indexOf(":")));
    throw new LaminixError(
      "ERR_SIGNATURE",
      `${info.path} in ${this.url} ${signers.length === 0 ? "is not signed" : `is signed by ${signers.join(", ")}`}, and trusted is ${trusted.join(", ") || "nobody"}`,
      {
        hint: "give the cache's public key as trusted-public-keys in its URL, or require-sigs=false to trust it with all",
        details: { path: info.path, signers, trusted },
      },
    );
  }

  #notThere(path: StorePath, why?: string): LaminixError {
    const message = `${path} is not in ${this.url}${why === undefined ? "" : `: ${why}`}`;
    return new LaminixError("ERR_PATH_NOT_VALID", message, { details: { path } });
  }
}

/**
 * Opens a binary cache: asks for its `nix-cache-info`.
 * @param url as {@link BinaryCacheStore} takes it
 * @throws {LaminixError} ERR_STORE_URL, ERR_SIGNATURE, ERR_FILE_READ, ERR_BINARY_CACHE
 */
export async function openBinaryCache(
  url: string,
  options: BinaryCacheOptions & CallOptions = {},
): Promise<BinaryCacheStore> {
  const store = new BinaryCacheStore(url, options);
  await store.cacheInfo({ signal: options.signal });
  return store;
}
