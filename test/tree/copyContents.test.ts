import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { joinContents, type RootContents } from "../../dist/root/contents.js";
import type { FolderNode, OwnNode } from "../../dist/tree/node.js";
import { nodeAt } from "../../dist/tree/lookup.js";
import { hashed } from "../support/contentsLayer.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";
import { temporaryFolder } from "../support/temporary.js";
import { wordsOf } from "./trees.js";
import { diskWords } from "./diskWords.js";

interface Copying {
  readonly links: RootContents["links"];
  readonly owner?: RootContents["owner"];
  readonly conflicts?: string[];
}

/** Folders of a store, copied to one root one after another. */
async function copied(paths: readonly string[], { links, owner, conflicts }: Copying): Promise<FolderNode> {
  return joinContents(
    {
      contents: [],
      copies: paths.map((path) => ({ kind: "store" as const, path: path as never })),
      links,
      owner: owner ?? { uid: 0, gid: 0, uname: "", gname: "" },
    },
    {
      storeDir: paths[0]!.slice(0, paths[0]!.lastIndexOf("/")),
      locate: (path) => ({ disk: path }),
      narHash: () => undefined,
      onConflict: (path) => conflicts?.push(path),
      adopt: () => undefined,
    },
  );
}

/** With the bytes of files, which are in the store still. */
function wordsWithBytes(root: FolderNode): Record<string, string> {
  const words = wordsOf(root);
  for (const [name, what] of Object.entries(words))
    if (what.startsWith("/")) words[name] = readFileSync(what, "utf8");
  return words;
}

/** A name tells what may be at it, so that no file gets into a folder's way, where rsync gives up. */
function writeRandomTree(
  random: Random,
  place: string,
  folders: "folders" | "links" | "either",
  depth = 2,
): void {
  mkdirSync(place, { recursive: true });
  for (const name of ["f1", "f2"])
    if (random.chance(0.6)) writeFileSync(`${place}/${name}`, `${place.slice(-20)} ${random.below(1e6)}`);
  for (const name of ["l1", "l2"])
    if (random.chance(0.4))
      symlinkSync(random.pick(["f1", "nowhere", "../f2", "/etc/nothing"]), `${place}/${name}`);
  if (depth === 0) return;
  for (const name of ["d1", "d2"])
    if (random.chance(0.6)) writeRandomTree(random, `${place}/${name}`, folders, depth - 1);
  for (const name of ["m1", "m2"]) {
    if (random.chance(0.4)) continue;
    const asLink = folders === "links" || (folders === "either" && random.chance(0.5));
    if (!asLink) writeRandomTree(random, `${place}/${name}`, folders, depth - 1);
    else {
      writeRandomTree(random, `${place}/behind-${name}`, folders, 0);
      symlinkSync(`behind-${name}`, `${place}/${name}`);
    }
  }
}

/** With --ignore-times: else rsync takes files of one size and one time for the same, as all of a store's are. */
describeWith(["rsync"], "copies of contents in the root", () => {
  test("are what rsync --copy-dirlinks makes of random trees that overlap", async () => {
    const random = new Random(51);
    for (let round = 0; round < 8; round++) {
      await using folder = await temporaryFolder();
      const paths = [0, 1, 2].map((i) => folder.join(hashed(`tree${i}`)));
      for (const path of paths) writeRandomTree(random, path, "either");
      const out = folder.join("out");
      for (const path of paths) await mustRun("rsync", ["-akI", `${path}/`, out]);
      const root = await copied(paths, { links: "follow" });
      expect(wordsWithBytes(root)).toEqual(await diskWords(out));
    }
  });

  test("are what rsync --keep-dirlinks makes of them: folders go where links that came before lead", async () => {
    const random = new Random(52);
    for (let round = 0; round < 8; round++) {
      await using folder = await temporaryFolder();
      const paths = [0, 1, 2].map((i) => folder.join(hashed(`tree${i}`)));
      for (const [i, path] of paths.entries()) writeRandomTree(random, path, i === 0 ? "links" : "folders");
      const out = folder.join("out");
      for (const path of paths) await mustRun("rsync", ["-aKI", `${path}/`, out]);
      const root = await copied(paths, { links: "keep" });
      expect(wordsWithBytes(root)).toEqual(await diskWords(out));
    }
  });
});

/** A store with these trees, by name: paths with texts, and `-> target` for links. */
async function store(
  folder: { join(...parts: string[]): string },
  trees: Readonly<Record<string, Readonly<Record<string, string>>>>,
): Promise<string[]> {
  return Object.entries(trees).map(([name, files]) => {
    const top = folder.join(hashed(name));
    mkdirSync(top);
    for (const [path, what] of Object.entries(files)) {
      mkdirSync(`${top}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
      if (what.startsWith("-> ")) symlinkSync(what.slice(3), `${top}/${path}`);
      else writeFileSync(`${top}/${path}`, what, { mode: path.startsWith("bin/") ? 0o755 : 0o644 });
    }
    return top;
  });
}

test("what comes later takes the place of what was there, and is told", async () => {
  await using folder = await temporaryFolder();
  const paths = await store(folder, {
    one: { "etc/conf": "one", same: "-> x" },
    two: { "etc/conf": "two", same: "-> x" },
  });
  const conflicts: string[] = [];
  const root = await copied(paths, { links: "follow", conflicts });
  expect(wordsWithBytes(root)).toEqual({ "etc/conf": "two", same: "-> x" });
  expect(conflicts).toEqual(["/etc/conf"]);
});

test("copies have the modes of the store, whatever the files' own, and the owner that is asked for", async () => {
  await using folder = await temporaryFolder();
  const paths = await store(folder, { one: { "bin/tool": "", "share/text": "", "share/link": "-> text" } });
  const root = await copied(paths, { links: "follow", owner: { uid: 7, gid: 8, uname: "", gname: "" } });
  const at = (...place: string[]) => (nodeAt(root, place) as OwnNode).attributes;
  expect([at("bin", "tool"), at("share", "text"), at("share", "link"), at("bin")]).toMatchObject(
    [0o555, 0o444, 0o777, 0o755].map((mode) => ({ mode, uid: 7, gid: 8 })),
  );
});

test("a link to a folder in another store path is a folder of copies, or stays a link", async () => {
  await using folder = await temporaryFolder();
  const [one, two] = await store(folder, {
    one: { "deep/file": "text" },
    two: { deep: `-> ${folder.join(hashed("one"))}/deep` },
  });
  expect(wordsWithBytes(await copied([two!], { links: "follow" }))).toEqual({ "deep/file": "text" });
  expect(wordsOf(await copied([two!], { links: "keep" }))).toEqual({ deep: `-> ${one!}/deep` });
});

test.each(["follow", "keep"] as const)(
  "links to folders that they are in end, with links: %s",
  async (links) => {
    await using folder = await temporaryFolder();
    const paths = await store(folder, {
      one: {
        "a/b/up": "-> ../..",
        "a/self": "-> .",
        "x/y": "-> ../z",
        "z/x": "-> ../x",
        ring: "-> gnir",
        gnir: "-> ring",
      },
    });
    const root = await copied(paths, { links });
    expect(Object.keys(wordsOf(root)).length).toBeGreaterThan(3);
  },
);
