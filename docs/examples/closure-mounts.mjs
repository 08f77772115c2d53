// Prints the flags that mount a closure from the host's store into a container, for an image without store paths
// (`--no-include-store-paths`):
//
//   docker run $(node closure-mounts.mjs ./result) my-image
//
// If the store's files are not at their paths (?root= in the URL), each is mounted from where it really is.
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
    console.log(`--mount=type=bind,readonly,source=${store.realPath(target)},target=${target}`);
  }
} finally {
  await store.close();
}
