import { mustRun } from "./run.js";
import type { DebianClosure } from "./debianStore.js";
import { type NixStore, startNixStore, type SyntheticPath } from "./nixStore.js";

export interface AtNixStore extends AsyncDisposable {
  readonly store: NixStore;
  /** The store as a URI that says where its files are. */
  readonly url: string;
  /** All of the closure, dependencies first. */
  readonly paths: readonly string[];
  /** The store path of a Debian package, such as `bash`. */
  package(name: string): string;
}

/** The same packages in a store that is at /nix/store by name, with its files elsewhere. */
export async function atNixStore(packages: DebianClosure): Promise<AtNixStore> {
  const store = await startNixStore({ storeDir: "/nix/store" });
  await mustRun("cp", ["-a", ...packages.paths, store.realStoreDir]);
  const moved = (path: string): string => `/nix/store/${path.slice(packages.storeDir.length + 1)}`;
  // No file of a Debian package names a store path, so the hashes of its files are the same in either store.
  const dump = await mustRun("nix-store", ["--dump-db"], { env: packages.env });
  await store.registerPaths(pathsOf(dump.stdout.toString(), moved));
  const paths = packages.paths.map(moved);
  return {
    store,
    url: `${store.uri}?real=${store.realStoreDir}`,
    paths,
    package: (name) => {
      const path = packages.roots.map(moved).find((each) => each.slice(44).startsWith(`${name}-`));
      if (path === undefined) throw new Error(`no package ${name} in this store`);
      return path;
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** What `nix-store --dump-db` prints, which is what `--load-db` reads. */
function pathsOf(dump: string, moved: (path: string) => string): SyntheticPath[] {
  const lines = dump.split("\n");
  const paths: SyntheticPath[] = [];
  for (let at = 0; at + 4 < lines.length;) {
    const [path = "", narHash = "", narSize = "", , count = ""] = lines.slice(at, at + 5);
    const references = lines.slice(at + 5, at + 5 + Number(count)).map(moved);
    paths.push({ path: moved(path), narHash, narSize: Number(narSize), references });
    at += 5 + Number(count);
  }
  return paths;
}
