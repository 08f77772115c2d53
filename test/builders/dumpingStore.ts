import { spawn } from "node:child_process";
import type { NixStore as OpenStore, PathFiles, StoreSource } from "../../dist/index.js";

/** A real store that says of its paths that they are not on this disk, and has Nix dump them from where they are. */
export function dumpingStore(
  store: OpenStore,
  placeOf: (path: string) => string,
  onDump: (path: string) => void = () => undefined,
): StoreSource {
  return {
    url: store.url,
    vouchesForHashes: true,
    storeDir: (options) => store.storeDir(options),
    closure: (paths, options) => store.closure(paths, options),
    pathFromHashPart: (hash, options) => store.pathFromHashPart(hash, options),
    tempRoots: (paths, options) => store.tempRoots(paths, options),
    open: async (path): Promise<PathFiles> => {
      const { narHash, narSize } = (await store.pathInfo(path))!;
      return {
        narHash,
        narSize,
        async *nar() {
          onDump(path);
          const child = spawn("nix-store", ["--dump", placeOf(path)], {
            stdio: ["ignore", "pipe", "ignore"],
          });
          try {
            yield* child.stdout as AsyncIterable<Uint8Array>;
          } finally {
            child.kill();
          }
        },
      };
    },
  };
}
