/** The image that is measured: a closure of Debian packages, in layers as nixpkgs plans them. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { openStore, planLayers } from "laminix";
import { debianClosure, largePackages } from "../../test/support/debianStore.js";
import { startNixStore } from "../../test/support/nixStore.js";
import { temporaryFolder } from "../../test/support/temporary.js";

export interface LargeImage extends AsyncDisposable {
  readonly folder: string;
  /** The `conf.json` that nixpkgs' `streamLayeredImage` would write. */
  readonly conf: string;
  /** The store's URL, served by a daemon. */
  readonly store: string;
  readonly paths: number;
}

export async function largeImage(): Promise<LargeImage> {
  const stack = new AsyncDisposableStack();
  const closure = await debianClosure(largePackages);
  const daemon = stack.use(await startNixStore({ at: closure.root }));
  const folder = stack.use(await temporaryFolder("bench"));
  const store = stack.use(await openStore(daemon.uri));
  const { layers } = await planLayers({ name: "bench", contents: [...closure.roots] }, { store });
  const time = "1970-01-01T00:00:01+00:00";
  const conf = path.join(folder.path, "conf.json");
  await writeFile(
    conf,
    JSON.stringify({
      architecture: "amd64",
      config: { Cmd: ["/bin/sh"] },
      os: "linux",
      store_dir: closure.storeDir,
      from_image: null,
      store_layers: layers.map(({ paths }) => paths),
      customisation_layer: null,
      repo_tag: "bench:latest",
      created: time,
      mtime: time,
      uid: "0",
      gid: "0",
      uname: "root",
      gname: "root",
    }),
  );
  return {
    folder: folder.path,
    conf,
    store: daemon.uri,
    paths: closure.paths.length,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
