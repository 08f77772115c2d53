/**
 * What laminix costs, each figure beside that of a peer measured in the same run. `npm run bench` measures all but
 * `push-large`; `npm run bench -- stream` one of them.
 */
import { closure } from "./closure.js";
import { compress } from "./compress.js";
import { containers } from "./containers.js";
import { editor } from "./editor.js";
import { evaluator } from "./evaluator.js";
import { exporting } from "./export.js";
import { graph } from "./graph.js";
import { hashing } from "./hashing.js";
import { layers } from "./layers.js";
import { loading } from "./loading.js";
import { nar } from "./nar.js";
import { planning } from "./planning.js";
import { push } from "./push.js";
import { pushFar } from "./pushFar.js";
import { pushLarge } from "./pushLarge.js";
import { scale } from "./scale.js";
import { ssh } from "./ssh.js";
import { start } from "./start.js";
import { stream } from "./stream.js";
import { vm } from "./vm.js";

const benches = {
  ...{ stream, hashing, compress, export: exporting, push, "push-far": pushFar, "push-large": pushLarge },
  ...{
    closure,
    editor,
    evaluator,
    graph,
    loading,
    nar,
    scale,
    ssh,
    planning,
    vm,
    layers,
    start,
    run: containers,
  },
};
/** What takes much room is measured only when it is asked for. */
const usual = Object.keys(benches).filter((name) => name !== "push-large");
const wanted = process.argv.length > 2 ? process.argv.slice(2) : usual;
for (const [name, bench] of Object.entries(benches)) {
  if (!wanted.includes(name)) continue;
  console.log(`\n${await bench()}`);
}
