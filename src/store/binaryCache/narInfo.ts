/** `.narinfo` files: what a binary cache knows of a store path (Nix manual, "Binary Cache Store"; nar-info.cc). */
import { type Compression, COMPRESSIONS } from "../../compress/compressions.js";
import { LaminixError } from "../../errors.js";
import { redactUrl } from "../../redact.js";
import type { PathInfo } from "../closure.js";
import { parseSha256, toSri } from "../sha256.js";
import { type StorePath, toStorePath } from "../storePath.js";

export interface NarInfo {
  readonly info: PathInfo;
  /** The NAR's hash. */
  readonly narHash: Uint8Array;
  /** Where the NAR's file is: from the cache's root, or with its host. */
  readonly file: string | URL;
  readonly compression: string;
  /** SHA-256 of the file, compressed as it is. */
  readonly fileHash: Uint8Array | undefined;
  /** Bytes of the file. */
  readonly fileSize: number | undefined;
}

/** Fields that may be given once. */
const ONCE = new Set([
  ...["StorePath", "URL", "Compression", "FileHash", "FileSize", "NarHash", "NarSize"],
  ...["References", "Deriver", "CA"],
]);

/** Bytes. A path with a thousand references has a narinfo of some 80 KiB. */
export const MAX_NAR_INFO = 1 << 20;

/**
 * @param name what to call the file in errors
 * @throws {LaminixError} ERR_BINARY_CACHE
 */
export function parseNarInfo(text: string, storeDir: string, name: string): NarInfo {
  const fields = new Map<string, string>();
  const signatures: string[] = [];
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const colon = line.indexOf(":");
    if (colon < 0)
      throw malformed(name, `it has a line without a colon, ${JSON.stringify(line.slice(0, 80))}`);
    const key = line.slice(0, colon);
    const value = line.slice(colon + 1).trim();
    if (key === "Sig") signatures.push(value);
    else if (ONCE.has(key) && fields.has(key)) throw malformed(name, `it has two ${key}`);
    else fields.set(key, value);
  }
  const field = (key: string): string | undefined => fields.get(key) || undefined;
  const required = (key: string): string => {
    const value = field(key);
    if (value === undefined) throw malformed(name, `it has no ${key}`);
    return value;
  };
  const hash = (key: string, value: string): Uint8Array => {
    const bytes = parseSha256(value);
    if (!bytes) throw malformed(name, `its ${key} is not a SHA-256`);
    return bytes;
  };
  const size = (key: string, value: string): number => {
    const number = /^\d+$/.test(value) ? Number(value) : NaN;
    if (!Number.isSafeInteger(number)) throw malformed(name, `its ${key} is not a number of bytes`);
    return number;
  };
  const storePath = (key: string, path: string): StorePath => {
    try {
      const checked = toStorePath(path, storeDir);
      if (checked === path) return checked;
    } catch (cause) {
      throw malformed(name, `its ${key} has ${JSON.stringify(path)}, which is not a store path`, cause);
    }
    throw malformed(name, `its ${key} has ${JSON.stringify(path)}, which is not a plain store path`);
  };
  // They are base names; a slash would make a path of another folder of them.
  const baseNames = (key: string): StorePath[] =>
    (field(key)?.split(/ +/) ?? []).map((base) => storePath(key, `${storeDir}/${base}`));

  const narHash = hash("NarHash", required("NarHash"));
  const narSize = size("NarSize", required("NarSize"));
  if (narSize === 0) throw malformed(name, "its NarSize is 0");
  const deriver = field("Deriver");
  const ca = field("CA");
  const fileHash = field("FileHash");
  const fileSize = field("FileSize");
  return {
    info: {
      path: storePath("StorePath", required("StorePath")),
      narHash: toSri(narHash),
      narSize,
      references: baseNames("References"),
      registrationTime: 0,
      ultimate: false,
      signatures,
      ...(deriver !== undefined &&
        deriver !== "unknown-deriver" && { deriver: storePath("Deriver", `${storeDir}/${deriver}`) }),
      ...(ca !== undefined && { ca }),
    },
    narHash,
    file: narFile(required("URL"), name),
    compression: field("Compression") ?? "bzip2",
    fileHash: fileHash === undefined ? undefined : hash("FileHash", fileHash),
    fileSize: fileSize === undefined ? undefined : size("FileSize", fileSize) || undefined,
  };
}

/**
 * How the NAR's file is compressed.
 * @throws {LaminixError} ERR_UNSUPPORTED
 */
export function compressionOf({ compression, info }: NarInfo): Compression {
  const found = COMPRESSIONS.find((each) => each === compression);
  if (found) return found;
  throw new LaminixError(
    "ERR_UNSUPPORTED",
    `${info.path} is compressed with ${JSON.stringify(compression)}, which is not read here`,
    { hint: `what is read is ${COMPRESSIONS.join(", ")}`, details: { path: info.path, compression } },
  );
}

/**
 * A whole URL of HTTP, or a name within the cache, which leads to no folder above it. Some caches give it a query.
 * @throws {LaminixError} ERR_BINARY_CACHE
 */
function narFile(url: string, name: string): string | URL {
  if (/^https?:\/\//i.test(url)) {
    const parsed = /^[\x21-\x7e]+$/.test(url) && URL.canParse(url) ? new URL(url) : undefined;
    if (parsed && parsed.username === "" && parsed.password === "" && parsed.hash === "") return parsed;
    throw malformed(name, `its URL ${JSON.stringify(redactUrl(url).slice(0, 200))} is not one of a file`);
  }
  const [path = ""] = url.split("?", 1);
  const segments = path.split("/");
  // An URL's dots may be written in hexadecimal, and its slashes the other way round.
  const climbs = segments.some((segment) => /^(\.|%2e){0,2}$/i.test(segment));
  if (
    climbs ||
    /^[^/]*:/.test(path) ||
    !/^[\x21-\x7e]+$/.test(url) ||
    /[\\#]/.test(url) ||
    /%(00|2f|5c)/i.test(path)
  )
    throw malformed(
      name,
      `its URL ${JSON.stringify(redactUrl(url).slice(0, 200))} does not stay within the cache`,
    );
  return url;
}

function malformed(name: string, why: string, cause?: unknown): LaminixError {
  return new LaminixError("ERR_BINARY_CACHE", `${name} is not a narinfo that can be used: ${why}`, {
    cause,
    details: { name },
  });
}
