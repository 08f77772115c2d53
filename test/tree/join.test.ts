import { createHash } from "node:crypto";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Layer } from "../../src/image/layer.js";
import { contentsLayer, hashed } from "../support/contentsLayer.js";
import { bytesOf, membersOf } from "../support/members.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";
import { mustRun, run } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

function layerOf(
  contents: readonly string[],
  conflicts: [string, string][] = [],
  disk = (path: string): string => path,
): Layer {
  return contentsLayer({
    contents,
    locate: (path) => ({ disk: disk(path) }),
    onConflict: (path, kept) => conflicts.push([path, kept]),
  });
}

/** Folders, and links with their targets, by name. */
type Tree = Readonly<Record<string, string>>;

async function treeOf(layer: Layer): Promise<Tree> {
  const members = await membersOf(await bytesOf(layer.open()));
  return Object.fromEntries(
    members.map(({ header }) => {
      const name = header.name.replace(/^\.\/?/, "").replace(/\/$/, "");
      return [name, header.type === "directory" ? "a folder" : `-> ${header.linkname}`];
    }),
  );
}

/** What nixpkgs' `symlinkJoin` makes: the links of `lndir`, one root after another. */
async function lndir(folder: TemporaryFolder, roots: readonly string[]): Promise<Tree> {
  const out = folder.join("out");
  mkdirSync(out);
  // Conflicts are told on standard error and change the exit code, which symlinkJoin does not look at.
  for (const root of roots) await run("lndir", ["-silent", root, out]);
  const { stdout } = await mustRun("find", [out, "-printf", String.raw`%P\0%y\0%l\0`]);
  const fields = stdout.toString().split("\0");
  const tree: Record<string, string> = {};
  for (let i = 0; i + 2 < fields.length; i += 3) {
    tree[fields[i]!] = fields[i + 1] === "d" ? "a folder" : `-> ${fields[i + 2]!}`;
  }
  return tree;
}

/** A tree of few names, so that several of them get into each other's way. */
function writeRandomTree(random: Random, place: string, depth = 3): void {
  mkdirSync(place);
  for (const name of ["a", "b", "bin", "l", "ü", "c.d", "🎉"]) {
    const inner = `${place}/${name}`;
    if (random.chance(0.4)) continue;
    if (depth > 0 && random.chance(0.5)) writeRandomTree(random, inner, depth - 1);
    else if (random.chance(0.6)) writeFileSync(inner, "");
    else
      symlinkSync(
        random.pick(["../l~", "nowhere", "/etc/passwd", "/no/where"]), // none leads to a folder
        inner,
      );
  }
}

describeWith(["lndir"], "the layer of links to contents", () => {
  test("has the links that lndir makes of random trees that overlap", async () => {
    const random = new Random(13);
    for (let round = 0; round < 20; round++) {
      await using folder = await temporaryFolder();
      const roots = Array.from({ length: 1 + random.below(4) }, (_, i) => folder.join(hashed(`root${i}`)));
      for (const root of roots) writeRandomTree(random, root);
      expect(await treeOf(layerOf(roots))).toEqual(await lndir(folder, roots));
    }
  });

  test("leaves out what lndir leaves out: folders of version control, and backup copies", async () => {
    await using folder = await temporaryFolder();
    const root = folder.join(hashed("root"));
    for (const name of [
      ".git",
      ".svn",
      ".hg",
      "CVS",
      "CVS.adm",
      "RCS",
      "SCCS",
      "BitKeeper",
      ".gitx",
      "kept",
    ]) {
      mkdirSync(`${root}/folders/${name}`, { recursive: true });
      writeFileSync(`${root}/folders/${name}/file`, "");
      mkdirSync(`${root}/files`, { recursive: true });
      writeFileSync(`${root}/files/${name}`, "");
      mkdirSync(`${root}/links`, { recursive: true });
      symlinkSync("../folders/kept", `${root}/links/${name}`);
    }
    mkdirSync(`${root}/folder~`);
    writeFileSync(`${root}/file~`, "");
    writeFileSync(`${root}/~file`, "");
    symlinkSync("file~", `${root}/link~`);
    expect(await treeOf(layerOf([root]))).toEqual(await lndir(folder, [root]));
  });

  test("has the first of what is at one place, and tells of the others", async () => {
    await using folder = await temporaryFolder();
    const [one, two] = [folder.join(hashed("one")), folder.join(hashed("two"))];
    mkdirSync(`${one}/folder`, { recursive: true });
    mkdirSync(`${one}/same`);
    writeFileSync(`${one}/same/file`, "");
    writeFileSync(`${one}/file`, "");
    mkdirSync(`${two}/file`, { recursive: true });
    writeFileSync(`${two}/folder`, "");
    mkdirSync(`${two}/same`);
    writeFileSync(`${two}/same/file`, "");
    writeFileSync(`${two}/same/other`, "");
    for (const root of [one, two]) symlinkSync("alike", `${root}/link`);
    const conflicts: [string, string][] = [];
    const tree = await treeOf(layerOf([one, two], conflicts));
    expect(tree).toEqual(await lndir(folder, [one, two]));
    expect(tree["same/other"]).toBe(`-> ${two}/same/other`);
    expect(conflicts.toSorted()).toEqual([
      ["/file", `${one}/file`],
      ["/folder", "a folder"],
      ["/same/file", `${one}/same/file`],
    ]);
  });
});

describe("the layer of links to contents", () => {
  test("is an empty folder where there are no contents, or only files", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join(hashed("file")), "");
    expect(await treeOf(layerOf([]))).toEqual({ "": "a folder" });
    expect(await treeOf(layerOf([folder.join(hashed("file"))]))).toEqual({ "": "a folder" });
  });

  test("links to store paths by their names in the store, wherever their files are", async () => {
    await using folder = await temporaryFolder();
    mkdirSync(folder.join("files/bin"), { recursive: true });
    writeFileSync(folder.join("files/bin/hello"), "");
    const tree = await treeOf(layerOf([`/nix/store/${hashed("hello")}`], [], () => folder.join("files")));
    expect(tree).toEqual({
      "": "a folder",
      bin: "a folder",
      "bin/hello": `-> /nix/store/${hashed("hello")}/bin/hello`,
    });
  });

  test("belongs to root by numbers alone, and its folders may be entered by all", async () => {
    await using folder = await temporaryFolder();
    mkdirSync(`${folder.join(hashed("root"))}/closed`, { recursive: true, mode: 0o700 });
    const members = await membersOf(await bytesOf(layerOf([folder.join(hashed("root"))]).open()));
    for (const { header } of members) {
      expect(header).toMatchObject({
        uid: 0,
        gid: 0,
        uname: "",
        gname: "",
        mode: 0o755,
        mtime: new Date(1000),
      });
    }
  });

  test("has the digest and size of its bytes, every time they are read", async () => {
    await using folder = await temporaryFolder();
    writeRandomTree(new Random(14), folder.join(hashed("root")));
    const layer = layerOf([folder.join(hashed("root"))]);
    const { diffId, size } = await layer.diffId();
    for (let i = 0; i < 2; i++) {
      const bytes = await bytesOf(layer.open());
      expect(bytes).toHaveLength(size);
      expect(`sha256:${createHash("sha256").update(bytes).digest("hex")}`).toBe(diffId);
    }
  });
});
