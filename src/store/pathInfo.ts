/** What a daemon tells of a path, as users see it, and back. */
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
