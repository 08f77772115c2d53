/** Texts that strangers write: each is read, or refused with a code. */
import fc from "fast-check";
import { describe, test } from "vitest";
import { parseCapturedEnvironment } from "../../dist/builders/nixShell/shellDerivation.js";
import { parseDerivation } from "../../dist/store/derivation.js";
import { logReader } from "../../dist/evaluator/log.js";
import { parseNixJson } from "../../dist/evaluator/json.js";
import { toNix } from "../../dist/evaluator/value.js";
import { formatJson, fromJs, parseJson, toJs } from "../../dist/bytes/json.js";
import { parseTime } from "../../dist/image/time.js";
import { parseCacheInfo } from "../../dist/store/binaryCache/cacheInfo.js";
import { parseCacheUrl } from "../../dist/store/binaryCache/cacheUrl.js";
import { parseNarInfo } from "../../dist/store/binaryCache/narInfo.js";
import { parsePublicKeys } from "../../dist/store/binaryCache/signature.js";
import { GraphStore } from "../../dist/store/graphStore.js";
import { parseStoreUrl } from "../../dist/store/location.js";
import { fromNix32 } from "../../dist/store/nix32.js";
import { parseSha256 } from "../../dist/store/sha256.js";
import { shellWords } from "../../dist/process/shell.js";
import {
  checkName,
  checkStoreDir,
  storePathsIn,
  type StorePath,
  toStorePath,
} from "../../dist/store/storePath.js";
import { engineHost } from "../../dist/transports/engine/host.js";
import {
  familiarReference,
  formatReference,
  isTagged,
  parseReference,
  wholeReference,
} from "../../dist/manifests/reference.js";
import { parseChallenges } from "../../dist/transports/registry/challenge.js";
import { errorTextIn } from "../../dist/http/errorText.js";
import { answersNowOrIsCoded, answersOrIsCoded } from "../support/coded.js";
import { anythingAtAll, docsLike, textsLike, cases } from "../support/odd.js";

const HASH = "0".repeat(32);
const PATH = `/nix/store/${HASH}-hello-2.12`;
const SRI = "sha256-LtTEIlLIBVjWdhMCKzPpBxeOo7+xDU7g+V5ZsUp0wUw=";

const NAR_INFO = `StorePath: ${PATH}
URL: nar/a.nar.xz
Compression: xz
FileHash: sha256:1w1fff338fvdw53sqgamddn1b2xgds473pv6y13gizdbqjv4i5p3
FileSize: 100
NarHash: sha256:1w1fff338fvdw53sqgamddn1b2xgds473pv6y13gizdbqjv4i5p3
NarSize: 200
References: ${HASH}-hello-2.12
Deriver: ${HASH}-hello.drv
Sig: cache-1:aaaa
CA: fixed:r:sha256:x
`;

const DERIVATION = `Derive([("out","${PATH}","","")],[("/nix/store/${HASH}-a.drv",["out"])],["/nix/store/${HASH}-s"],"x86_64-linux","/bin/sh",["-c","a\\n"],[("name","hello"),("out","${PATH}")])`;
const GRAPH = JSON.stringify({
  version: 1,
  storeDir: "/nix/store",
  info: { [PATH]: { narSize: 1, narHash: SRI, references: [PATH] } },
});
const CAPTURED = JSON.stringify({
  variables: {
    name: { type: "exported", value: "x" },
    outputs: { type: "exported", value: "out" },
    out: { type: "exported", value: PATH },
    builder: { type: "exported", value: "/bin/sh" },
  },
  bashFunctions: { a: "b" },
});

/** What reads a text, and texts that it takes. */
const readers: readonly (readonly [name: string, read: (text: string) => unknown, ...good: string[]])[] = [
  [
    "a reference",
    (text) => {
      for (const each of [wholeReference, familiarReference, isTagged]) each(text);
      const reference = parseReference(text);
      // What is a registry's name can be asked.
      new URL(`https://${reference.registry}/v2/${reference.repository}`);
      parseReference(formatReference(reference));
    },
    ...[
      "nginx",
      "localhost:5000/a/b:1",
      `r.example/x@sha256:${"0".repeat(64)}`,
      "[::1]:5000/x",
      "256.1.1.1/x",
    ],
    ...["xn--a.example/x", "localhost:99999/x", "[:::::]/x"],
  ],
  [
    "a store's URL",
    (text) => parseStoreUrl(text, {}),
    ...["auto", "daemon", "unix:///run/x?root=/y&store=/z", "ssh-ng://me@host:22?ssh-key=/k&compress=true"],
  ],
  [
    "a store's URL in the environment",
    (text) => parseStoreUrl("auto", { NIX_REMOTE: text, NIX_SSHOPTS: text, NIX_STATE_DIR: text }),
    ...["auto", "daemon", "ssh-ng://h", "-o 'a b'"],
  ],
  [
    "a cache's URL",
    (text) => parseCacheUrl(text),
    ...[
      "file:///a%20b?priority=1",
      "https://u:p@cache.example/x?trusted=1&trusted-public-keys=a:b",
      "http://[::1]/",
    ],
  ],
  [
    "an engine's host",
    (text) => engineHost({ host: text, environment: {} }),
    ...["unix:///run/docker.sock", "tcp://host:1", "https://[::1]:2/p", "ssh://h", "tcp://h:99999"],
  ],
  [
    "a store path",
    (text) => {
      toStorePath(text);
    },
    ...[PATH, `${PATH}/bin`, "/nix/store/../x"],
  ],
  ["a store path of a store", (text) => toStorePath(text, "/nix/store"), PATH, `${PATH}//..`],
  ["a store's folder", (text) => storePathsIn(PATH, checkStoreDir(text)), "/nix/store", "/a.+*[("],
  ["a store path's name", checkName, "hello-2.12"],
  ["a narinfo", (text) => parseNarInfo(text, "/nix/store", "it"), NAR_INFO],
  [
    "what a cache says of itself",
    (text) => parseCacheInfo(text, "it"),
    "StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n",
  ],
  [
    "public keys",
    (text) => parsePublicKeys([text]),
    "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=",
  ],
  [
    "a digest in base 32",
    (text) => fromNix32(text, 32),
    "1w1fff338fvdw53sqgamddn1b2xgds473pv6y13gizdbqjv4i5p3",
  ],
  ["a SHA-256", (text) => parseSha256(text), SRI, `sha256:${"0".repeat(64)}`],
  [
    "a time",
    (text) => parseTime(text, "created"),
    "now",
    "@1",
    "2020-01-02T03:04:05.678+01:00",
    "2020-02-30",
  ],
  [
    "JSON",
    (text) => {
      const json = parseJson(text, "it");
      toJs(json);
      parseJson(formatJson(json, 2), "it again");
    },
    ...['{"a":[1.0,-0,1e999,true,null,"\\u00e9"],"__proto__":{}}', "[[[[[]]]]]"],
  ],
  [
    "what Nix prints",
    (text) => parseNixJson(Buffer.from(text)),
    '{"a":12345678901234567890,"b":"\\u0000123"}',
  ],
  [
    "what Nix says",
    (text) => {
      const read = logReader();
      for (const line of text.split("\n")) read(line);
    },
    ...['@nix {"action":"start","id":1,"level":3,"parent":0,"text":"x","type":105,"fields":["a",1]}'],
    ...[
      '@nix {"action":"msg","level":0,"msg":"error: x","raw_msg":"x","line":1,"column":2,"file":"f","trace":[]}',
    ],
  ],
  [
    "a derivation",
    (text) => parseDerivation(Buffer.from(text), `/nix/store/${HASH}-hello.drv` as StorePath),
    DERIVATION,
  ],
  ["a captured environment", (text) => parseCapturedEnvironment(text, "it"), CAPTURED],
  [
    "a graph",
    (text) => GraphStore.parse(text, "it"),
    GRAPH,
    `[{"path":"${PATH}","narSize":1,"references":[]}]`,
  ],
  ["a challenge", (text) => parseChallenges(text), 'Bearer realm="https://a/b",service="c", Basic realm=x'],
  ["words of a shell", (text) => shellWords(text), 'a \'b c\' "d\\"" e\\ f'],
];

describe("a text is read, or refused with a code:", () => {
  for (const [name, read, ...good] of readers) {
    test(name, () => {
      fc.assert(
        fc.property(textsLike(...good), (text) => {
          answersNowOrIsCoded(() => read(text));
        }),
        cases,
      );
    });
  }

  test("what a registry says of a failure", async () => {
    const errors = docsLike({ errors: [{ code: "DENIED", message: "no", detail: { message: "x" } }] });
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          errors.map((doc) => JSON.stringify(doc)),
          textsLike("<html>", "no"),
        ),
        async (text) => {
          async function* body(): AsyncGenerator<Uint8Array> {
            yield await Promise.resolve(Buffer.from(text));
          }
          await answersOrIsCoded(() => errorTextIn(body()));
        },
      ),
      cases,
    );
  });
});

describe("a document is read, or refused with a code:", () => {
  test("a graph", () => {
    const docs = docsLike(JSON.parse(GRAPH) as never, [
      { path: PATH, narSize: 1, narHash: SRI, references: [PATH] },
    ]);
    fc.assert(
      fc.property(docs, (doc) => {
        answersNowOrIsCoded(() => GraphStore.parse(JSON.stringify(doc), "it"));
      }),
      cases,
    );
  });

  test("a captured environment", () => {
    fc.assert(
      fc.property(docsLike(JSON.parse(CAPTURED) as never), (doc) => {
        answersNowOrIsCoded(() => parseCapturedEnvironment(JSON.stringify(doc), "it"));
      }),
      cases,
    );
  });

  test("what Nix says", () => {
    const [, good = ""] = /^@nix (.*)$/.exec(readers.find(([name]) => name === "what Nix says")![2]!) ?? [];
    fc.assert(
      fc.property(docsLike(JSON.parse(good) as never), (doc) => {
        answersNowOrIsCoded(() => logReader()(`@nix ${JSON.stringify(doc)}`));
      }),
      cases,
    );
  });
});

describe("a value is taken, or refused with a code:", () => {
  test("for JSON", () => {
    fc.assert(
      fc.property(anythingAtAll(), (make) => {
        answersNowOrIsCoded(() => formatJson(fromJs(make(), "config")));
      }),
      cases,
    );
  });

  test("for Nix", () => {
    fc.assert(
      fc.property(anythingAtAll(), (make) => {
        answersNowOrIsCoded(() => toNix(make()));
      }),
      cases,
    );
  });
});
