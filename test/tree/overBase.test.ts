import { expect, test } from "vitest";
import { nodeAt } from "../../dist/tree/lookup.js";
import { type FolderNode, type OwnNode, rootOwned } from "../../dist/tree/node.js";
import { overBase } from "../../dist/tree/overBase.js";
import { treeOf, wordsOf, type Words } from "./trees.js";

const over = (ours: Words, base: Words): Record<string, string> =>
  wordsOf(overBase(treeOf(ours), treeOf(base)));
const at = (tree: FolderNode, path: string) =>
  (nodeAt(tree, path.split("/").filter(Boolean)) as OwnNode).attributes;

test("a folder where the base has a link to one goes to where the link leads", () => {
  expect(over({ "bin/a": "a" }, { bin: "-> usr/bin", "usr/bin/b": "b" })).toEqual({ "usr/bin/a": "a" });
  expect(over({ "bin/a": "a" }, { bin: "-> /usr/bin", "usr/bin/b": "b" })).toEqual({ "usr/bin/a": "a" });
});

test("so it does by many links, and below folders that it goes through", () => {
  const base = {
    "usr/lib/real/x": "",
    "usr/lib64": "-> lib",
    lib: "-> /usr/lib64",
    "usr/lib/link": "-> real",
  };
  expect(over({ "lib/link/a": "a", "lib/own/b": "b" }, base)).toEqual({
    "usr/lib/real/a": "a",
    "usr/lib/own/b": "b",
  });
});

test("two folders that lead to one place are one", () => {
  expect(
    over(
      { "bin/a": "a", "usr/bin/b": "b", "sbin/c": "c" },
      { bin: "-> usr/bin", sbin: "-> bin", "usr/bin/": "" },
    ),
  ).toEqual({
    "usr/bin/a": "a",
    "usr/bin/b": "b",
    "usr/bin/c": "c",
  });
});

test("a folder takes the place of a link that leads to no folder, and of a file", () => {
  const base = { dead: "-> nowhere", circle: "-> circle", file: "text", tofile: "-> file" };
  const ours = { "dead/a": "a", "circle/b": "b", "file/c": "c", "tofile/d": "d" };
  expect(over(ours, base)).toEqual(ours);
});

test("a file or a link of ours takes the place of what the base has there", () => {
  expect(over({ bin: "-> other", "etc/conf": "ours" }, { "bin/a": "", "etc/conf": "theirs" })).toEqual({
    bin: "-> other",
    "etc/conf": "ours",
  });
});

test("a link of the base leads no further than its root", () => {
  expect(over({ "up/a": "a" }, { up: "-> ../../../srv", "srv/x": "" })).toEqual({ "srv/a": "a" });
});

test("a folder keeps the base's mode and owner unless ours has one of its own, and new ones have ours", () => {
  const [ours, base] = [
    treeOf({ "tmp/x": "", "var/x": "", "new/x": "" }),
    treeOf({ "tmp/": "", "var/": "" }),
  ];
  (nodeAt(base, ["tmp"]) as OwnNode).attributes = rootOwned(0o1777);
  (nodeAt(base, ["var"]) as OwnNode).attributes = rootOwned(0o711);
  (nodeAt(ours, ["var"]) as OwnNode).attributes = { ...rootOwned(0o755), uid: 5 };
  (nodeAt(ours, ["new"]) as OwnNode).attributes = rootOwned(0o700);
  base.attributes = rootOwned(0o555);
  const result = overBase(ours, base);
  expect(["tmp", "var", "new", ""].map((path) => at(result, path).mode)).toEqual([
    0o1777, 0o755, 0o700, 0o555,
  ]);
  expect(at(result, "var").uid).toBe(5);
});

test("folders on the way to where a link leads are the base's", () => {
  const base = treeOf({ bin: "-> usr/local/bin", "usr/local/bin/": "" });
  (nodeAt(base, ["usr", "local"]) as OwnNode).attributes = { ...rootOwned(0o2775), gid: 50 };
  const result = overBase(treeOf({ "bin/a": "" }), base);
  expect(at(result, "usr/local")).toMatchObject({ mode: 0o2775, gid: 50 });
});

test("neither of the two trees is changed", () => {
  const [ours, base] = [treeOf({ "bin/a": "a" }), treeOf({ bin: "-> usr/bin", "usr/bin/": "" })];
  const before = [wordsOf(ours), wordsOf(base)];
  overBase(ours, base);
  expect([wordsOf(ours), wordsOf(base)]).toEqual(before);
});
