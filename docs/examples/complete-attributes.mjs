// Completes attribute names as they are typed: each line of input is what has been typed so far, such as `python3.pk`.
// A new line gives up the question before it.
//
//   node complete-attributes.mjs FILE
import { createInterface } from "node:readline";
import { openEvaluator } from "laminix";

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error("usage: node complete-attributes.mjs FILE");
  process.exit(2);
}

const evaluator = await openEvaluator({ watch: true });
const set = await evaluator.load({ file });
let latest = new AbortController();

async function complete(typed, signal) {
  const path = typed.split(".");
  const prefix = path.pop();
  try {
    const names = await set.get(...path).keys({ prefix, limit: 20, signal, timeout: 5000 });
    console.log(`${typed}: ${names.join(" ")}`);
  } catch (error) {
    if (error !== signal.reason) console.log(`${typed}: ${error.message}`);
  }
}

const answers = [];
for await (const line of createInterface({ input: process.stdin })) {
  latest.abort();
  latest = new AbortController();
  answers.push(complete(line, latest.signal));
}
await Promise.all(answers);
await evaluator.close();
