/**
 * Runs containers one after another, for whoever starts it: reads `[[subject, options], …]` from standard input and prints
 * what came of each as a line of JSON.
 */
import { text } from "node:stream/consumers";
import { openStore, startContainer } from "../../dist/index.js";

const store = await openStore();
for (const [subject, options] of JSON.parse(await text(process.stdin))) {
  try {
    const stdio = ["ignore", "pipe", "pipe"];
    const notes = [];
    const onProgress = (event) => notes.push(event);
    const container = await startContainer(subject, { store, stdio, onProgress, ...options });
    const [stdout, stderr, code] = await Promise.all([
      text(container.stdout),
      text(container.stderr),
      container.ended,
    ]);
    console.log(JSON.stringify({ code, stdout, stderr, notes }));
  } catch ({ code, message, hint }) {
    console.log(JSON.stringify({ error: { code, message, hint } }));
  }
}
await store.close();
