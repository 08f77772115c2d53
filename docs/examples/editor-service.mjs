// A service for an editor. It reads questions as lines of JSON, `{"id":1,"path":"/nix/store/…"}`, and answers likewise.
// A new question cancels the one before it, so that the answer for what is on the screen never waits behind one for what
// has scrolled away.
import { createInterface } from "node:readline";
import { openStore } from "laminix";

const store = await openStore(process.argv[2]);
let current = new AbortController();

async function answer({ id, path }, signal) {
  try {
    const { size, narSize } = await store.closure(path, { signal });
    return { id, paths: size, bytes: narSize };
  } catch (error) {
    if (signal.aborted) return { id, cancelled: true };
    return { id, error: { code: error.code, message: error.message } };
  }
}

const answers = [];
for await (const line of createInterface({ input: process.stdin })) {
  current.abort();
  current = new AbortController();
  const answered = answer(JSON.parse(line), current.signal);
  answers.push(answered.then((reply) => console.log(JSON.stringify(reply))));
}
await Promise.all(answers);
await store.close();
