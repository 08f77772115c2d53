/** The language server with any messages about any texts: each is answered, or refused with a code. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ResponseError } from "vscode-languageserver-protocol/node";
import { type LanguageClient, startLanguageClient } from "../support/languageClient.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { cases, textsLike } from "../support/odd.js";

const METHODS = [
  ...["textDocument/hover", "textDocument/definition", "textDocument/documentLink", "textDocument/codeLens"],
  ...["textDocument/inlayHint", "textDocument/codeAction", "textDocument/completion"],
  ...["textDocument/diagnostic", "documentLink/resolve", "codeLens/resolve", "workspace/executeCommand"],
  ...["workspace/textDocumentContent", "laminix/attributes", "textDocument/rename", "initialize"],
  ...["laminix/store", "laminix/target", "laminix/tree", "laminix/duplicates", "laminix/diff"],
];
const COMMANDS = [
  ...["path", "closure", "referrers", "roots", "derivation", "whyDepends", "layers", "report"],
  ...["addRoot", "build", "load", "none"],
].map((name) => `laminix.${name}`);
const NOTIFICATIONS = [
  ...["textDocument/didOpen", "textDocument/didChange", "textDocument/didClose", "textDocument/didSave"],
  ...["workspace/didChangeConfiguration", "workspace/didChangeWorkspaceFolders", "laminix/trusted"],
  ...["window/workDoneProgress/cancel", "$/setTrace", "$/cancelRequest", "initialized"],
];
const ENDS = [".txt", ".json", ".laminix.json", ".drv"];

let store: NixStore;
let path: string;
let clients: LanguageClient[];

beforeAll(async () => {
  store = await startNixStore();
  path = await store.addTree("hello-2.12", (place) => {
    mkdirSync(`${place}/bin`, { recursive: true });
    writeFileSync(`${place}/bin/x`, "x");
    symlinkSync("..", `${place}/bin/up`);
  });
  clients = await Promise.all(
    ["utf-8", "utf-16"].map((encoding) =>
      startLanguageClient({ store: store.uri, capabilities: { general: { positionEncodings: [encoding] } } }),
    ),
  );
});

afterAll(async () => {
  for (const client of clients) await client[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

type Message =
  | { readonly kind: "ask"; readonly method: string; readonly params: unknown }
  | { readonly kind: "tell"; readonly method: string; readonly params: unknown };

/** Values that are almost what the protocol has. */
function messages(): fc.Arbitrary<Message[]> {
  const spec = JSON.stringify({ name: "a", contents: [path], config: { Env: ["A=1"] } });
  const text = textsLike(
    path,
    `"${path}/bin/x",\r\n🙂 (${path})`,
    spec,
    path.replaceAll("/", "\\/"),
    `${path}.drv`,
  );
  const uri = fc.constantFrom(...ENDS.map((end) => `file:///fuzz/a${end}`));
  const textDocument = fc.record({ uri, version: fc.nat(9) });
  const number = fc.oneof({ weight: 9, arbitrary: fc.nat(80) }, fc.constantFrom(-1, 0.5, 2 ** 31 - 1, 1e300));
  const position = fc.record({ line: number, character: number });
  const range = fc.record({ start: position, end: position });
  const address = fc.oneof(
    text,
    fc.constantFrom("path", "closure", "roots", "why-depends=x").map((kind) => `laminix:${path}?${kind}`),
  );
  const whole = fc.record(
    {
      textDocument,
      position,
      range,
      context: fc.record({ diagnostics: fc.constant([]) }),
      command: fc.constantFrom(...COMMANDS),
      arguments: fc.array(fc.oneof(text, address, fc.jsonValue()), { maxLength: 2 }),
      uri: address,
      ...{ path: text, at: text, before: text, after: text },
      data: fc.oneof(fc.record({ path: text, inside: text }), fc.jsonValue()),
    },
    { requiredKeys: ["textDocument"] },
  );
  const spoilt = fc.tuple(
    whole,
    fc.constantFrom("textDocument", "position", "range", "context"),
    fc.jsonValue(),
  );
  const params = fc.oneof(
    { weight: 8, arbitrary: whole },
    { weight: 2, arbitrary: spoilt.map(([good, key, odd]) => ({ ...good, [key]: odd })) },
    { weight: 1, arbitrary: fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.array(fc.jsonValue())) },
  );
  const change = fc.oneof(fc.record({ text }), fc.record({ range, text }), fc.jsonValue());
  const ask = fc
    .tuple(fc.oneof(fc.constantFrom(...METHODS), fc.string()), params)
    .map(([method, given]): Message => ({ kind: "ask", method, params: given }));
  const open = fc.tuple(uri, text).map(([at, content]): Message => ({
    kind: "tell",
    method: "textDocument/didOpen",
    params: { textDocument: { uri: at, languageId: "x", version: 1, text: content } },
  }));
  const edit = fc
    .tuple(textDocument, fc.array(change, { maxLength: 3 }))
    .map(([of, contentChanges]): Message => ({
      kind: "tell",
      method: "textDocument/didChange",
      params: { textDocument: of, contentChanges },
    }));
  const tell = fc
    .tuple(fc.constantFrom(...NOTIFICATIONS), params)
    .map(([method, given]): Message => ({ kind: "tell", method, params: given }));
  return fc.array(
    fc.oneof(
      { weight: 4, arbitrary: ask },
      { weight: 3, arbitrary: open },
      { weight: 2, arbitrary: edit },
      { weight: 1, arbitrary: tell },
    ),
    { minLength: 1, maxLength: 12 },
  );
}

/** `$/cancelRequest` and others may bring an error for what they refer to; the codes are in docs/errors.md. */
function requireCode(error: unknown): void {
  if (!(error instanceof ResponseError)) throw new Error("the server is gone", { cause: error });
  const { code } = (error.data ?? {}) as { code?: string };
  if (code === undefined || code === "ERR_INTERNAL")
    throw new Error("an error without a code", { cause: error });
}

test("every request is answered, or refused with a code", async () => {
  await fc.assert(
    fc.asyncProperty(messages(), fc.nat(1), async (all, which) => {
      const client = clients[which]!;
      const asked = all.map(async ({ kind, method, params }) => {
        if (kind === "tell") return client.notify(method, params);
        try {
          await client.ask(method, params);
        } catch (error) {
          requireCode(error);
        }
      });
      await Promise.all(asked);
    }),
    cases,
  );
  for (const { child, stderr } of clients) expect([child.exitCode, stderr()]).toEqual([null, ""]);
}, 0);

test("bytes that are no messages end nothing but the connection", async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((each) => Buffer.from(each)),
    textsLike('Content-Length: 20\r\n\r\n{"jsonrpc":"2.0"}', "Content-Length: -1\r\n\r\n").map((each) =>
      Buffer.from(each),
    ),
  );
  await fc.assert(
    fc.asyncProperty(bytes, async (odd) => {
      await using client = await startLanguageClient({ store: store.uri });
      client.child.stdin!.end(odd);
      expect(await client.exited()).toBe(1);
      expect(client.stderr()).toBe("");
    }),
    { ...cases, numRuns: 4 },
  );
}, 0);
