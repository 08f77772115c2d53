// The mounts that bring a closure of the host's store into a container, for an image made without store paths
// (`--no-include-store-paths`):
//
//   docker run $(node closure-mounts.mjs ./result) my-image
//
// Where the store's files are elsewhere than their paths say (?root= in the URL), each is mounted from where it is.
import { realpathSync } from "node:fs";
import { openStore } from "laminix";

const [path, url = "auto"] = process.argv.slice(2);
if (path === undefined) {
  console.error("usage: node closure-mounts.mjs PATH [STORE]");
  process.exit(2);
}

const store = await openStore(url);
try {
  for (const target of (await store.closure(path.startsWith("/") ? path : realpathSync(path))).paths) {
    const { disk } = store.open(target);
    console.log(`--mount=type=bind,readonly,source=${disk},target=${target}`);
  }
} finally {
  await store.close();
}
