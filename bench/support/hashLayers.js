// Hashes the layers of store paths of a conf.json, and nothing else.

import { readFileSync } from "node:fs";
import { TarPool } from "../../dist/tar/pool.js";

const conf = JSON.parse(readFileSync(process.argv[2], "utf8"));
const pool = new TarPool();
await Promise.all(
  conf.store_layers.map((paths) =>
    pool.hash({
      parents: ["/nix/", "/nix/store/"],
      trees: paths.map((path) => ({ disk: path, name: path })),
      owner: { uid: 0, gid: 0, uname: "root", gname: "root" },
      mtime: 1,
    }),
  ),
);
