/** The image that is measured: a closure of Debian packages, in layers as nixpkgs plans them. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { openStore, planLayers } from "laminix";
import { debianClosure, largePackages } from "../../test/support/debianStore.js";
import { startNixStore } from "../../test/support/nixStore.js";
import { temporaryFolder } from "../../test/support/temporary.js";

export interface LargeImage {
  readonly folder: string;
  /** The `conf.json` that nixpkgs' `streamLayeredImage` would write. */
  readonly conf: string;
  /** The store's URL, served by a daemon. */
  readonly store: string;
  /** What the closure is of. */
  readonly roots: readonly string[];
  readonly paths: number;
}

/** The image is there for as long as `use` runs. */
export async function withLargeImage<T>(use: (image: LargeImage) => Promise<T>): Promise<T> {
  const closure = await debianClosure(largePackages);
  await using daemon = await startNixStore({ at: closure.root });
  await using folder = await temporaryFolder("bench");
  await using store = await openStore(daemon.uri);
  const { layers } = await planLayers({ name: "bench", contents: [...closure.roots] }, { store });
  const time = "1970-01-01T00:00:01+00:00";
  const conf = path.join(folder.path, "conf.json");
  const document = {
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
  };
  await writeFile(conf, JSON.stringify(document));
  return await use({
    folder: folder.path,
    conf,
    store: daemon.uri,
    roots: closure.roots,
    paths: closure.paths.length,
  });
}
