/**
 * What laminix costs, each figure beside that of a peer measured in the same run. `npm run bench` measures all;
 * `npm run bench -- stream` one of them.
 */
import { closure } from "./closure.js";
import { compress } from "./compress.js";
import { exporting } from "./export.js";
import { graph } from "./graph.js";
import { hashing } from "./hashing.js";
import { layers } from "./layers.js";
import { nar } from "./nar.js";
import { planning } from "./planning.js";
import { ssh } from "./ssh.js";
import { stream } from "./stream.js";

const benches = { stream, hashing, compress, export: exporting, closure, graph, nar, ssh, planning, layers };
const wanted = process.argv.slice(2);
for (const [name, bench] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(`\n${await bench()}`);
}
