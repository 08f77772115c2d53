// A service for an editor. It reads questions as lines of JSON, `{"id":1,"type":"closure","path":"/nix/store/…"}`, and
// answers likewise, with `{"id":1,"name":"hello-2.12.1","paths":12,"bytes":34200000}` or with `{"id":1,"error":{…}}`.
// A new question cancels the one of its type before it, so that the answer for what is on the screen never waits behind
// one for what has scrolled away; `{"cancel":"closure"}` only cancels. Answers about closures are kept, and marked with
// `"kept":true` when they are given again.
//
//   node editor-service.mjs [STORE [ANSWERS]]
import { createInterface } from "node:readline";
import { openStore } from "laminix";

const [, , url, answers] = process.argv;
/** Answers that are kept; the one that was given longest ago goes first. */
const mostKept = Number(answers ?? 1000);

const store = await openStore(url);
const kept = new Map();
const running = new Map();

const ask = {
  async closure(path, signal) {
    const { size, narSize } = await store.closure(path, { signal });
    return { name: nameOf(path), paths: size, bytes: narSize };
  },
  async path(path, signal) {
    const info = await store.pathInfo(path, { signal });
    if (!info) return { name: nameOf(path), valid: false };
    return { name: nameOf(path), valid: true, bytes: info.narSize };
  },
};

/** What follows `/nix/store/<hash>-`. */
const nameOf = (path) => path.replace(/^.*\/[^-/]*-/, "");

async function answer({ id, type, path }, signal) {
  try {
    const key = `${type} ${path}`;
    // Whether a path is there may change, and is asked each time; what its closure is does not.
    const isThere = type !== "closure" || (await store.isValidPath(path, { signal }));
    const known = isThere ? kept.get(key) : undefined;
    const reply = known ?? (await ask[type](path, signal));
    signal.throwIfAborted();
    if (type === "closure") keep(key, reply);
    return { id, ...reply, ...(known && { kept: true }) };
  } catch (error) {
    if (signal.aborted) return { id, cancelled: true, reason: signal.reason.message };
    return refusal(id, error.code ?? "ERR_INTERNAL", error.message);
  }
}

function keep(key, reply) {
  kept.delete(key);
  kept.set(key, reply);
  if (kept.size > mostKept) kept.delete(kept.keys().next().value);
}

function cancel(type, reason) {
  running.get(type)?.abort(new DOMException(reason, "AbortError"));
  running.delete(type);
}

const refusal = (id, code, message) => ({ id, error: { code, message } });

async function hear(line) {
  let question;
  try {
    question = JSON.parse(line);
  } catch (error) {
    return refusal(null, "ERR_JSON", error.message);
  }
  const { id = null, type = "closure", path, cancel: cancelled } = question ?? {};
  if (typeof cancelled === "string") return cancel(cancelled, "it was cancelled");
  if (!Object.hasOwn(ask, type) || typeof path !== "string") {
    return refusal(id, "ERR_ARGUMENT", "a question has a path, and is of type closure or path");
  }
  cancel(type, "a later question took its place");
  const controller = new AbortController();
  running.set(type, controller);
  return answer({ id, type, path }, controller.signal);
}

const answered = new Set();
for await (const line of createInterface({ input: process.stdin })) {
  const answering = hear(line).then((reply) => {
    if (reply) console.log(JSON.stringify(reply));
    answered.delete(answering);
  });
  answered.add(answering);
}
await Promise.all(answered);
await store.close();
