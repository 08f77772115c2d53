import { expect, test } from "vitest";
import { folderAt, nodeAt, placeOf } from "../../dist/tree/lookup.js";
import { treeOf } from "./trees.js";

const tree = treeOf({
  "usr/bin/tool": "tool",
  bin: "-> usr/bin",
  lib: "-> /usr/lib",
  "usr/lib/deep/x": "x",
  up: "-> ../../usr",
  "usr/back": "-> ../bin",
  two: "-> bin",
  one: "-> two",
  circle: "-> circle",
  ring: "-> gnir",
  gnir: "-> ring",
  nowhere: "-> no/where",
  file: "file",
});

test.each([
  ["/bin/tool", "usr/bin/tool"],
  ["bin/tool", "usr/bin/tool"],
  ["./bin//tool/", "usr/bin/tool"],
  ["/lib/deep/x", "usr/lib/deep/x"],
  ["/up/bin/tool", "usr/bin/tool"],
  ["/usr/back/tool", "usr/bin/tool"],
  ["/one/tool", "usr/bin/tool"],
  ["/usr/../bin/tool", "usr/bin/tool"],
  ["/bin/../lib/deep", "usr/lib/deep"], // .. of where the link leads, not of the link
  ["/../../bin/tool", "usr/bin/tool"],
  ["/bin", "bin"], // what is at the place itself is not followed
  ["/bin/new", "usr/bin/new"], // and need not be there
  ["/", ""],
])("%s leads to %s", (path, place) => {
  expect(placeOf(tree, path)?.join("/")).toBe(place);
});

test.each(["/circle/x", "/ring/x", "/nowhere/x", "/file/x", "/no/such/x"])("%s leads nowhere", (path) => {
  expect(placeOf(tree, path)).toBeUndefined();
});

test.each([
  ["/bin", "usr/bin"],
  ["/one", "usr/bin"],
  ["/usr/back", "usr/bin"],
  ["/up", "usr"],
  ["/", ""],
  ["", ""],
])("the folder at %s is %s", (path, place) => {
  const found = folderAt(tree, path);
  expect(found?.place.join("/")).toBe(place);
  expect(found?.folder).toBe(nodeAt(tree, found!.place));
});

test.each(["/file", "/circle", "/ring", "/nowhere", "/no", "/file/x"])("there is no folder at %s", (path) => {
  expect(folderAt(tree, path)).toBeUndefined();
});

test("as many links are followed as Linux follows, and no more", () => {
  const links = (count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`l${i}`, `-> l${i + 1}`]));
  const chain = (count: number) => treeOf({ ...links(count), [`l${count}/x`]: "x" });
  expect(placeOf(chain(40), "/l0/x")).toEqual(["l40", "x"]);
  expect(placeOf(chain(41), "/l0/x")).toBeUndefined();
});

test("a place is looked up without following links", () => {
  expect(nodeAt(tree, ["bin"])).toMatchObject({ type: "symlink" });
  expect(nodeAt(tree, ["bin", "tool"])).toBeUndefined();
  expect(nodeAt(tree, [])).toBe(tree);
});
