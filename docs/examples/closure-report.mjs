// Lists the closure of a store path, largest first.
//
//   node closure-report.mjs /nix/store/…-hello
import { nixStore } from "laminix";

const [path] = process.argv.slice(2);
if (path === undefined) {
  console.error("usage: node closure-report.mjs PATH");
  process.exit(2);
}

const closure = await nixStore.closure(path);
const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1).padStart(8)} MiB`;
for (const info of [...closure].sort((one, other) => other.narSize - one.narSize)) {
  console.log(mebibytes(info.narSize), info.path);
}
console.log(mebibytes(closure.narSize), `in ${closure.size} paths`);
