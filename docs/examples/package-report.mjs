// Lists every package of a set with its version and licence.
//
//   node package-report.mjs FILE [ATTRIBUTE]
import { resolve } from "node:path";
import { nix, openEvaluator } from "laminix";

const [file, attribute] = process.argv.slice(2);
if (file === undefined) {
  console.error("usage: node package-report.mjs FILE [ATTRIBUTE]");
  process.exit(2);
}

const evaluator = await openEvaluator();
// One expression for all that is wanted of a package, so that each is asked about once.
const path = (attribute ?? "").split(".").filter(Boolean);
const set = nix`
  let value = import (/. + ${resolve(file)});
  in builtins.foldl' (set: name: set.\${name}) (if builtins.isFunction value then value { } else value) ${path}`;
const reports = await evaluator.load(nix`
  builtins.mapAttrs (_: p: {
    version = p.version or "";
    licence = let l = p.meta.license or ""; in
      if builtins.isAttrs l then l.spdxId or l.fullName or "" else toString l;
  }) (${set})`);
const names = await reports.keys();
const results = await evaluator.allSettled(names.map((name) => reports.get(name)));
let failed = 0;
for (const [i, result] of results.entries()) {
  if (result.status === "rejected") failed++;
  else console.log([names[i], result.value.version, result.value.licence].join("\t"));
}
if (failed > 0) console.error(`${failed} of ${names.length} cannot be evaluated`);
await evaluator.close();
