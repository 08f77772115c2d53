/** What questions to the store, and about closures, tell with `--json`. */
import { z } from "zod";
import { bytes, count, type DocumentOf, facts, storePath, storePaths, text } from "./parts.js";

const GLIBC = "/nix/store/3dyw8dzj9ab4m8hv5dpyx7zii8d0w6fi-glibc-2.39-52";
const HELLO = "/nix/store/1b9p07z77phvv2hf6gm9f28syp39f1ag-hello-2.12.1";

const info = {
  path: storePath("The store path."),
  narHash: text("SHA-256 of its NAR, as SRI; empty where a `--graph` does not tell it."),
  narSize: bytes("of its NAR"),
  references: storePaths("The paths that it refers to, itself included if it refers to itself."),
  registrationTime: count("When it became valid, in Unix seconds."),
  ultimate: z.boolean().describe("Whether it was built here."),
  signatures: z.array(z.string()).describe("`KEY-NAME:SIGNATURE`s."),
  deriver: storePath("The derivation that made it, where that is known.").optional(),
  ca: text("How its path follows from its content, where it does.").optional(),
};
const infoExample = {
  path: HELLO,
  narHash: "sha256-fVMsk4nFdMVBOB4AzuEmqiSwqqRqbNJlZQ4fjQrWuvQ=",
  narSize: 274_568,
  references: [GLIBC, HELLO],
  registrationTime: 1_722_500_000,
  ultimate: false,
  signatures: [],
};

export const closure = z
  .array(z.strictObject(info))
  .describe("A path info for each store path, dependencies first.")
  .meta({ examples: [[infoExample]] });
export type ClosureDocument = DocumentOf<typeof closure>;

export const sizes = z
  .array(
    z.strictObject({
      ...info,
      closureSize: bytes("of the NARs of its closure"),
      addedSize: bytes("of NARs that would not be here without it"),
    }),
  )
  .describe("The same with two more sizes.")
  .meta({ examples: [[{ ...infoExample, closureSize: 31_810_680, addedSize: 274_568 }]] });
export type SizesDocument = DocumentOf<typeof sizes>;

export const paths = z
  .array(z.string())
  .describe("Store paths.")
  .meta({ examples: [[HELLO]] });
export type PathsDocument = DocumentOf<typeof paths>;

export const tree = z
  .array(
    z.strictObject({
      path: storePath("The store path."),
      parent: storePath("The path that refers to it; null for each PATH.").nullable(),
      depth: count("0 for each PATH."),
      repeated: z.boolean().describe("Whether what it refers to is listed elsewhere."),
    }),
  )
  .describe("An object for each line of the tree.")
  .meta({
    examples: [
      [
        { path: HELLO, parent: null, depth: 0, repeated: false },
        { path: GLIBC, parent: HELLO, depth: 1, repeated: false },
      ],
    ],
  });
export type TreeDocument = DocumentOf<typeof tree>;

const ends = { from: storePath("FROM, as a store path."), to: storePath("TO, as a store path.") };

export const chain = facts({
  ...ends,
  chain: storePaths("The shortest chain: each path refers to the next one."),
}).meta({ examples: [{ from: HELLO, to: GLIBC, chain: [HELLO, GLIBC], warnings: [] }] });
export type ChainDocument = DocumentOf<typeof chain>;

export const edges = facts({
  ...ends,
  edges: z
    .array(z.strictObject({ from: storePath("The path that refers."), to: storePath("What it refers to.") }))
    .describe("Every reference on any chain."),
}).meta({
  examples: [{ from: HELLO, to: GLIBC, edges: [{ from: HELLO, to: GLIBC }], warnings: [] }],
});
export type EdgesDocument = DocumentOf<typeof edges>;

const totals = z.strictObject({
  size: count("How many store paths."),
  narSize: bytes("of their NARs together"),
});
const packagePaths = z.array(
  z.strictObject({
    path: storePath("The store path."),
    version: text("Empty if the name has none."),
    output: text("Empty for the first output."),
    narSize: bytes("of its NAR"),
  }),
);

export const diff = facts({
  changes: z
    .array(
      z.strictObject({
        name: text("Of the package."),
        kind: z
          .enum(["added", "removed", "version", "outputs", "rebuilt"])
          .describe("`rebuilt`: the same versions and outputs, other hashes."),
        removedVersions: z.array(z.string()).describe("Versions that only OLD has."),
        addedVersions: z.array(z.string()).describe("Versions that only NEW has."),
        removed: packagePaths.describe("Paths that only OLD has."),
        added: packagePaths.describe("Paths that only NEW has."),
        narSizeDelta: z.int().describe("Bytes that the package has more in NEW; below 0 where it has fewer."),
      }),
    )
    .describe("By package."),
  before: totals.describe("The closure of OLD."),
  after: totals.describe("The closure of NEW."),
  narSizeDelta: z.int().describe("Bytes that NEW has more."),
}).meta({
  examples: [
    {
      changes: [
        {
          name: "hello",
          kind: "version",
          removedVersions: ["2.12"],
          addedVersions: ["2.12.1"],
          removed: [
            {
              path: "/nix/store/x2jwhgyh37dwdrfq7q4j3kzvhzxmpc4k-hello-2.12",
              version: "2.12",
              output: "",
              narSize: 274_480,
            },
          ],
          added: [{ path: HELLO, version: "2.12.1", output: "", narSize: 274_568 }],
          narSizeDelta: 88,
        },
      ],
      before: { size: 2, narSize: 31_810_592 },
      after: { size: 2, narSize: 31_810_680 },
      narSizeDelta: 88,
      warnings: [],
    },
  ],
});
export type DiffDocument = DocumentOf<typeof diff>;

export const duplicates = z
  .array(
    z.strictObject({
      name: text("Of the package."),
      output: text("Empty for the first output."),
      narSize: bytes("of the NARs of all copies"),
      copies: z
        .array(
          z.strictObject({
            path: storePath("The store path."),
            version: text("Empty if the name has none."),
            narSize: bytes("of its NAR"),
            addedSize: bytes("that would leave the closure with it"),
            referrers: storePaths("What refers to it."),
          }),
        )
        .describe("By version."),
    }),
  )
  .describe("The largest first.")
  .meta({
    examples: [
      [
        {
          name: "glibc",
          output: "",
          narSize: 63_072_224,
          copies: [
            {
              path: GLIBC,
              version: "2.39-52",
              narSize: 31_536_112,
              addedSize: 31_810_680,
              referrers: [HELLO],
            },
            {
              path: "/nix/store/7yd2pbp5jj5i9wbd6cmn3jr6sfm2b8wq-glibc-2.38-77",
              version: "2.38-77",
              narSize: 31_536_112,
              addedSize: 31_536_112,
              referrers: [],
            },
          ],
        },
      ],
    ],
  });
export type DuplicatesDocument = DocumentOf<typeof duplicates>;

export const roots = z
  .array(
    z.strictObject({
      path: storePath("PATH, as a store path."),
      roots: z
        .array(
          z.strictObject({
            link: text("The link that is the root; `{censored}` where the daemon does not tell it."),
            path: storePath("What the root leads to."),
            chain: storePaths("From there to PATH: each path refers to the next one."),
          }),
        )
        .describe("Those that keep the path alive."),
    }),
  )
  .describe("One for each PATH.")
  .meta({
    examples: [[{ path: GLIBC, roots: [{ link: "/home/me/result", path: HELLO, chain: [HELLO, GLIBC] }] }]],
  });
export type RootsDocument = DocumentOf<typeof roots>;

export const store = facts({
  url: text("Where the store is, without a password."),
  storeDir: text("The directory of store paths."),
  version: text("Of the daemon's Nix; null before 2.7.").nullable(),
  protocol: text("The version of the protocol that is spoken."),
  trusted: z.boolean().nullable().describe("Whether the daemon trusts this user; null before 2.15."),
  features: z.array(z.string()).describe("Of the protocol."),
}).meta({
  examples: [
    {
      url: "unix:///nix/var/nix/daemon-socket/socket",
      storeDir: "/nix/store",
      version: "2.24.10",
      protocol: "1.37",
      trusted: false,
      features: [],
      warnings: [],
    },
  ],
});
export type StoreDocument = DocumentOf<typeof store>;

export const value = z
  .unknown()
  .describe(
    "The value itself; with several `-A`, an object of the values by attribute; with `--keys`, an array of names.",
  )
  .meta({ examples: ["hello world"] });
