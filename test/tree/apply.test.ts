import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { applyLayer, emptyRoot } from "../../dist/tree/apply.js";
import { nodeAt } from "../../dist/tree/lookup.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";
import { temporaryFolder } from "../support/temporary.js";
import { diskWords } from "./diskWords.js";
import { file, hardLink, layered, link, type Member, randomAccess, tarOf, wordsOf } from "./trees.js";

test("a layer adds to what is below, and what is on top counts", async () => {
  const root = await layered([
    [file("a", "below"), file("d/x", "x"), file("d/y", "y")],
    [file("a", "above"), file("d/y", "Y"), file("e/z", "z")],
  ]);
  expect(wordsOf(root)).toEqual({ a: "above", "d/x": "x", "d/y": "Y", "e/z": "z" });
});

test("a whiteout takes away what lower layers have, wherever in its layer it stands, and not what its own has", async () => {
  const below = [file("d/gone", ""), file("d/again", "old"), file("folder/in/it", ""), file("kept", "")];
  const root = await layered([
    below,
    [
      file("d/again", "new"),
      file("d/.wh.again", ""),
      file("d/.wh.gone", ""),
      file(".wh.folder", ""),
      file("folder/new", ""),
    ],
  ]);
  expect(wordsOf(root)).toEqual({ "d/again": "new", "folder/new": "", kept: "" });
});

test("an opaque folder hides all that lower layers have in it, and nothing of its own", async () => {
  const root = await layered([
    [file("d/a", ""), file("d/deep/b", ""), file("other", "")],
    [file("d/mine", ""), file("d/.wh..wh..opq", "")],
  ]);
  expect(wordsOf(root)).toEqual({ "d/mine": "", other: "" });
});

test("a whiteout of what is not there, and AUFS's own files, are passed over", async () => {
  const root = await layered([
    [
      file(".wh.nothing", ""),
      file("no/.wh.thing", ""),
      file(".wh..wh.plnk/1", ""),
      file(".wh..wh.aufs", ""),
      "d/",
    ],
  ]);
  expect(wordsOf(root)).toEqual({ "d/": "" });
});

test("a whiteout does not follow a link out of its folder", async () => {
  const root = await layered([[link("l", "d"), file("d/x", "x")], [file("l/.wh.x", "")]]);
  expect(wordsOf(root)).toMatchObject({ "d/x": "x" });
});

test("whiteouts are files like others where they are to stay", async () => {
  const root = await layered([[file("x", "x")], [file(".wh.x", "w")]], { whiteouts: "keep" });
  expect(wordsOf(root)).toEqual({ x: "x", ".wh.x": "w" });
});

test("a hard link is the file that it is a link to, of this layer or one below", async () => {
  const root = await layered([
    [file("one", "1"), hardLink("two", "one")],
    [hardLink("d/three", "./one"), hardLink("four", "/two")],
  ]);
  expect(wordsOf(root)).toEqual({ one: "1", two: "1", "d/three": "1", four: "1" });
  // The file that is put in the place of one is not put in the place of the other.
  const replaced = await layered([[file("one", "1"), hardLink("two", "one")], [file("one", "2")]]);
  expect(wordsOf(replaced)).toEqual({ one: "2", two: "1" });
});

test("a member below a link of its own layer goes to where the link leads", async () => {
  const root = await layered([
    [link("bin", "usr/bin"), file("bin/a", "a"), link("lib", "/usr/lib"), file("lib/b", "b")],
  ]);
  expect(wordsOf(root)).toEqual({
    bin: "-> usr/bin",
    "usr/bin/a": "a",
    lib: "-> /usr/lib",
    "usr/lib/b": "b",
  });
});

test("a member below a lower layer's link to a folder is in its place", async () => {
  const root = await layered([[file("usr/bin/a", "a"), link("bin", "usr/bin")], [file("bin/b", "b")]]);
  expect(wordsOf(root)).toEqual({ "usr/bin/a": "a", "bin/b": "b" });
});

test("a folder on a folder keeps what is in it and has the upper one's mode; on anything else it takes its place", async () => {
  const root = await layered([
    [file("d/x", "x"), file("f", "f"), link("l", "d")],
    [{ name: "d/", mode: 0o700, uid: 5 }, "f/", "l/"],
  ]);
  expect(wordsOf(root)).toEqual({ "d/x": "x", "f/": "", "l/": "" });
  expect(nodeAt(root, ["d"])).toMatchObject({ attributes: { mode: 0o700, uid: 5 } });
});

test("a file takes the place of a folder with all that is in it", async () => {
  expect(wordsOf(await layered([[file("d/x", ""), file("d/y/z", "")], [file("d", "now a file")]]))).toEqual({
    d: "now a file",
  });
});

test("the root's own attributes are those of the last layer that has them", async () => {
  const root = await layered([
    [{ name: "./", mode: 0o755 }],
    [{ name: "./", mode: 0o711, gid: 7 }],
    [file("x", "")],
  ]);
  expect(root.attributes).toMatchObject({ mode: 0o711, gid: 7 });
});

test("devices and pipes keep their numbers", async () => {
  const root = await layered([
    [
      { name: "null", type: "character-device", devmajor: 1, devminor: 3 },
      { name: "disk", type: "block-device", devmajor: 8, devminor: 0 },
      { name: "pipe", type: "fifo" },
    ],
  ]);
  expect(root.children.get("null")).toMatchObject({ type: "character", devmajor: 1, devminor: 3 });
  expect(root.children.get("disk")).toMatchObject({ type: "block", devmajor: 8, devminor: 0 });
  expect(root.children.get("pipe")).toMatchObject({ type: "fifo" });
});

test.each([
  ["../x", "leads out of the image"],
  ["a/../../x", "leads out of the image"],
])("a name that leads out of the image, %s, is refused", async (name, message) => {
  await expect(layered([[file(name, "")]])).rejects.toMatchObject({
    code: "ERR_ARCHIVE",
    message: expect.stringContaining(message) as string,
    details: { layer: "layer 1", name },
  });
});

test("a link that leads out of the image leads to its root, as in a container", async () => {
  const root = await layered([
    [link("up", "../../.."), file("up/x", "x"), link("abs", "/../etc"), file("abs/y", "y")],
  ]);
  expect(wordsOf(root)).toMatchObject({ x: "x", "etc/y": "y" });
});

test("links that lead round in circles are refused where something is to be below them", async () => {
  await expect(layered([[link("a", "b"), link("b", "a"), file("a/x", "")]])).rejects.toMatchObject({
    code: "ERR_ARCHIVE",
    message: expect.stringContaining("circles") as string,
  });
});

test.each(["nowhere", "folder", "../out", "."])("a hard link to %s is refused", async (target) => {
  await expect(layered([["folder/", hardLink("link", target)]])).rejects.toMatchObject({
    code: "ERR_ARCHIVE",
  });
});

test("names that other languages' objects choke on are names like others", async () => {
  const names = ["__proto__", "constructor", "hasOwnProperty", "toString", "é", "a b"];
  const root = await layered([names.map((name) => file(`d/${name}`, name))]);
  const folder = root.children.get("d");
  expect(folder?.type === "directory" && [...folder.children.keys()]).toEqual(
    names.map((name) => Buffer.from(name).toString("latin1")),
  );
});

describeWith(["umoci"], "layers on one another", () => {
  test("are what umoci unpacks, for random ones with whiteouts", async () => {
    const random = new Random(41);
    for (let round = 0; round < 8; round++) {
      await using folder = await temporaryFolder();
      const layers = Array.from({ length: 3 }, (_, i) => randomLayer(random, i > 0));
      const tars = await Promise.all(layers.map((members) => tarOf(members)));
      const root = emptyRoot();
      for (const tar of tars) await applyLayer(root, randomAccess(tar), "a layer");
      const layout = folder.join("layout");
      await mustRun("umoci", ["init", "--layout", layout]);
      await mustRun("umoci", ["new", "--image", `${layout}:x`]);
      for (const [i, tar] of tars.entries()) {
        writeFileSync(folder.join(`${String(i)}.tar`), tar);
        await mustRun("umoci", [
          "raw",
          "add-layer",
          "--image",
          `${layout}:x`,
          folder.join(`${String(i)}.tar`),
        ]);
      }
      const rootless = process.getuid?.() === 0 ? [] : ["--rootless"];
      await mustRun("umoci", ["raw", "unpack", ...rootless, "--image", `${layout}:x`, folder.join("root")]);
      expect(wordsOf(root)).toEqual(await diskWords(folder.join("root")));
    }
  });
});

/** Few names, so that layers get into each other's way; no folder of one layer is a file of another's whiteout. */
function randomLayer(random: Random, whiteouts: boolean): (Member | string)[] {
  const members = new Map<string, Member>();
  for (const top of ["a", "b", "c"]) {
    if (random.chance(0.3)) continue;
    if (whiteouts && random.chance(0.3)) {
      members.set(top, file(`.wh.${top}`, ""));
      continue;
    }
    if (random.chance(0.3)) {
      members.set(top, file(top, `file ${String(random.below(1000))}`));
      continue;
    }
    members.set(top, { name: `${top}/`, mode: 0o755 });
    for (const inner of ["x", "y", "z"]) {
      const name = `${top}/${inner}`;
      if (random.chance(0.4)) members.set(name, file(name, `inner ${String(random.below(1000))}`));
      else if (whiteouts && random.chance(0.3)) members.set(name, file(`${top}/.wh.${inner}`, ""));
      else if (random.chance(0.3)) members.set(name, link(name, "nowhere"));
    }
    if (whiteouts && random.chance(0.2)) members.set(`${top}/opq`, file(`${top}/.wh..wh..opq`, ""));
  }
  return [...members.values()];
}
