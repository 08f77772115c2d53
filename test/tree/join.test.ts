import { createHash } from "node:crypto";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Layer } from "../../dist/image/layer.js";
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

describe("links to folders, in the layer of links to contents", () => {
  /** Store paths with these files, by name; `-> target` is a link. */
  function write(
    folder: TemporaryFolder,
    trees: Readonly<Record<string, Readonly<Record<string, string>>>>,
  ): string[] {
    return Object.entries(trees).map(([name, files]) => {
      const top = folder.join(hashed(name));
      for (const [path, what] of Object.entries(files)) {
        mkdirSync(path.includes("/") ? `${top}/${path.replace(/\/[^/]*$/, "")}` : top, { recursive: true });
        if (what.startsWith("-> ")) symlinkSync(what.slice(3), `${top}/${path}`);
        else writeFileSync(`${top}/${path}`, what);
      }
      return top;
    });
  }
  /** What the links are called, and where those lead that are not to a file of the same name. */
  const namesOf = (tree: Tree): string[] => Object.keys(tree).filter((name) => tree[name] !== "a folder");

  test("stay links where nothing else is at their place", async () => {
    await using folder = await temporaryFolder();
    const roots = write(folder, { one: { "real/x": "", link: "-> real" } });
    expect(await treeOf(layerOf(roots))).toMatchObject({ link: "-> real" });
  });

  test("meet a folder, and what both hold is merged, whichever comes first", async () => {
    await using folder = await temporaryFolder();
    const [one = "", two = ""] = write(folder, {
      one: { "lib64/x": "", lib: "-> lib64" },
      two: { "lib/y": "" },
    });
    for (const roots of [
      [one, two],
      [two, one],
    ]) {
      const conflicts: [string, string][] = [];
      const tree = await treeOf(layerOf(roots, conflicts));
      expect(tree).toMatchObject({
        lib: "a folder",
        "lib/x": `-> ${one}/lib64/x`,
        "lib/y": `-> ${two}/lib/y`,
      });
      expect(conflicts).toEqual([]);
    }
  });

  test("meet another link to a folder, in other store paths too, and both are merged", async () => {
    await using folder = await temporaryFolder();
    const elsewhere = folder.join(hashed("elsewhere"));
    const roots = write(folder, {
      elsewhere: { "share/z": "" },
      one: { "real/x": "", share: "-> real" },
      two: { share: `-> ${elsewhere}/share` },
      three: { "a/b/y": "", share: "-> a/link", "a/link": "-> ./b" },
    });
    const tree = await treeOf(layerOf(roots.slice(1)));
    expect(
      namesOf(tree)
        .filter((name) => name.startsWith("share/"))
        .toSorted(),
    ).toEqual([...["share/x", "share/y", "share/z"]]);
  });

  test("that are the same are one link", async () => {
    await using folder = await temporaryFolder();
    const roots = write(folder, {
      one: { "real/x": "", link: "-> real" },
      two: { "real/y": "", link: "-> real" },
    });
    const tree = await treeOf(layerOf(roots));
    expect(tree["link"]).toBe("-> real");
    expect(namesOf(tree)).toEqual(expect.arrayContaining(["real/x", "real/y"]));
  });

  test("that meet a file are told, and so are files that meet them", async () => {
    await using folder = await temporaryFolder();
    const [one = "", two = ""] = write(folder, { one: { "real/x": "", at: "-> real" }, two: { at: "" } });
    for (const [roots, kept] of [
      [[one, two], "real"],
      [[two, one], `${two}/at`],
    ] as const) {
      const conflicts: [string, string][] = [];
      expect((await treeOf(layerOf(roots, conflicts)))["at"]).toBe(`-> ${kept}`);
      expect(conflicts).toEqual([["/at", kept]]);
    }
  });

  test("lead round in circles, and end all the same", async () => {
    await using folder = await temporaryFolder();
    const roots = write(folder, {
      one: { "a/up": "-> ..", "a/x": "", self: "-> .", ring: "-> gnir", gnir: "-> ring" },
      two: { "a/up/y": "", "self/z": "", "ring/r": "", "gnir/g": "" },
      three: { "a/up": "-> ../a", self: "-> self" },
    });
    const tree = await treeOf(layerOf(roots));
    expect(tree).toMatchObject({ "a/x": expect.stringContaining("one/a/x") as string, ring: "-> gnir" });
    expect(Object.keys(tree).length).toBeLessThan(200);
  });

  test("lead out of the store, where nothing is looked for", async () => {
    await using folder = await temporaryFolder();
    mkdirSync(folder.join("outside"));
    writeFileSync(folder.join("outside/secret"), "");
    const conflicts: [string, string][] = [];
    const roots = write(folder, {
      one: { etc: "-> /etc", out: "-> ../outside" },
      two: { "etc/x": "", "out/y": "" },
    });
    const tree = await treeOf(layerOf(roots, conflicts));
    expect(tree).toMatchObject({ etc: "-> /etc", out: "-> ../outside" });
    expect(conflicts.map(([path]) => path).toSorted()).toEqual(["/etc", "/out"]);
  });
});
