/** What is added to a store. */
import {
  checkGiven,
  requireBoolean,
  requireCount,
  requireOptions,
  requireString,
  requireStrings,
} from "../arguments.js";
import { ArgumentError } from "../errors.js";
import { send } from "./body.js";
import type { PathInfo } from "./closure.js";
import type { Connections } from "./connections.js";
import { toPathInfo } from "./pathInfo.js";
import type { StorePath } from "./storePath.js";
import { applySettings, type WorkOptions } from "./work.js";

export interface AddOptions extends WorkOptions {
  /** Store paths that the contents refer to. */
  readonly references?: readonly string[];
}

/** What must be known of a path to import its NAR. */
export type NarInfo = Pick<PathInfo, "path" | "narHash" | "narSize" | "references"> &
  Partial<Pick<PathInfo, "deriver" | "signatures" | "ca" | "registrationTime" | "ultimate">>;

/** @throws {ArgumentError} ERR_ARGUMENT */
export function checkNarInfo(info: NarInfo): void {
  requireOptions(info, "info");
  requireString(info.path, "info.path");
  requireString(info.narHash, "info.narHash");
  base16(info.narHash);
  requireCount(info.narSize, "info.narSize");
  requireStrings(info.references, "info.references");
  checkGiven(info, "info", {
    deriver: requireString,
    signatures: requireStrings,
    ca: requireString,
    registrationTime: requireCount,
    ultimate: requireBoolean,
  });
}

interface Addition {
  readonly name: string;
  readonly contentAddressMethod: string;
  readonly references: readonly StorePath[];
}

export function addToStore(
  connections: Connections,
  addition: Addition,
  body: AsyncIterable<Uint8Array>,
  options: WorkOptions,
): Promise<PathInfo> {
  return connections.exclusive(async (connection) => {
    const request = { ...addition, repair: false };
    const [, { path, ...info }] = await Promise.all([
      applySettings(connection, {}, options),
      send(connection, "addToStore", request, body, options),
    ]);
    return toPathInfo(path, info);
  }, options);
}

/** @throws {ArgumentError} for a hash that is not SHA-256 in SRI form */
export function importNar(
  connections: Connections,
  info: NarInfo,
  nar: AsyncIterable<Uint8Array>,
  options: WorkOptions & { readonly checkSignatures?: boolean },
): Promise<void> {
  const request = {
    path: info.path,
    deriver: info.deriver ?? null,
    narHash: base16(info.narHash),
    references: info.references,
    registrationTime: info.registrationTime ?? 0,
    narSize: info.narSize,
    ultimate: info.ultimate ?? false,
    signatures: info.signatures ?? [],
    ca: info.ca ?? null,
    repair: false,
    dontCheckSignatures: options.checkSignatures === false,
  };
  return connections.exclusive(async (connection) => {
    await Promise.all([
      applySettings(connection, {}, options),
      send(connection, "addToStoreNar", request, nar, options),
    ]);
  }, options);
}

function base16(sri: string): string {
  const [, digits = ""] = /^sha256-([A-Za-z0-9+/]{43}=)$/.exec(sri) ?? [];
  if (digits === "") throw new ArgumentError("info.narHash", "a SHA-256 hash as SRI", sri);
  return Buffer.from(digits, "base64").toString("hex");
}
