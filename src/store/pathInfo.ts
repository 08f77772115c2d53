/** What a daemon tells of a path, as users see it, and back. */
import { LaminixError, named } from "../errors.js";
import type { PathInfo } from "./closure.js";
import type { NativePathInfo } from "./native.js";
import type { StorePath } from "./storePath.js";

export function toPathInfo(path: StorePath, info: NativePathInfo): PathInfo {
  const { deriver, ca, narHash, references, narSize, registrationTime, ultimate, signatures } = info;
  return {
    path,
    narHash: `sha256-${Buffer.from(narHash, "hex").toString("base64")}`,
    references: references,
    narSize,
    registrationTime,
    ultimate,
    signatures,
    ...(deriver !== null && { deriver }),
    ...(ca !== null && { ca }),
  };
}

export function notValid(path: StorePath): LaminixError {
  return new LaminixError("ERR_PATH_NOT_VALID", `${named(path)} is not valid in the store`, {
    details: { path },
    hint: "build or fetch it first, for example with nix-store --realise",
  });
}
