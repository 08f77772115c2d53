import { expect, test } from "vitest";
import { type FolderNode, type OwnNode, rootOwned } from "../../dist/tree/node.js";
import { nodeAt } from "../../dist/tree/lookup.js";
import { applyPerms, type PermsRule } from "../../dist/tree/perms.js";
import { treeOf } from "./trees.js";

const files = { "etc/shadow": "", "etc/ssl/a.key": "", "etc/ssl/a.crt": "", "bin/su": "", "bin/sh": "-> su" };

function permed(...rules: readonly PermsRule[]): { tree: FolderNode; unused: readonly PermsRule[] } {
  const tree = treeOf(files);
  return { tree, unused: applyPerms(tree, rules) };
}

const at = (tree: FolderNode, path: string) =>
  (nodeAt(tree, path.split("/").filter(Boolean)) as OwnNode).attributes;

test("a rule is for what is at its path and below it", () => {
  const { tree } = permed({ path: "/etc/ssl", uid: 5 });
  expect([at(tree, "etc").uid, at(tree, "etc/ssl").uid, at(tree, "etc/ssl/a.key").uid]).toEqual([0, 5, 5]);
  expect(at(tree, "etc/shadow").uid).toBe(0);
});

test("a rule without a path is for everything, the root too", () => {
  const { tree } = permed({ uid: 1, gid: 2 });
  for (const path of ["", "etc", "etc/shadow", "bin/sh"])
    expect(at(tree, path)).toMatchObject({ uid: 1, gid: 2 });
});

test("of these a pattern chooses by the whole path", () => {
  const { tree } = permed({ regex: /^\/etc\/.*\.key$/u, mode: 0o400 });
  expect([at(tree, "etc/ssl/a.key").mode, at(tree, "etc/ssl/a.crt").mode]).toEqual([0o400, 0o644]);
  const root = permed({ regex: /^\/$/u, mode: 0o700 });
  expect([at(root.tree, "").mode, at(root.tree, "etc").mode, root.unused]).toEqual([0o700, 0o755, []]);
});

test("rules hold one after another", () => {
  const { tree } = permed({ path: "/bin", mode: 0o700 }, { path: "/bin/su", mode: 0o4755 });
  expect([at(tree, "bin").mode, at(tree, "bin/su").mode]).toEqual([0o700, 0o4755]);
});

test("a link has an owner, and no mode to change", () => {
  const { tree } = permed({ path: "/bin/sh", mode: 0o600, uid: 9 });
  expect(at(tree, "bin/sh")).toMatchObject({ mode: 0o777, uid: 9 });
});

test("a rule does not follow a link to what it leads to", () => {
  const { tree } = permed({ path: "/bin/sh", uid: 9 });
  expect(at(tree, "bin/su").uid).toBe(0);
});

test("a name goes with the number it was given with", () => {
  const tree = treeOf({ file: "" });
  const named = { ...rootOwned(0o644), uname: "root", gname: "wheel" };
  (nodeAt(tree, ["file"]) as OwnNode).attributes = named;
  applyPerms(tree, [{ uid: 7 }]);
  expect(at(tree, "file")).toMatchObject({ uid: 7, uname: "", gname: "wheel" });
  applyPerms(tree, [{ gid: 8, uname: "somebody", gname: "nöbody" }]);
  expect(at(tree, "file")).toMatchObject({ uid: 7, gid: 8, uname: "somebody", gname: "n\u00c3\u00b6body" });
});

test("rules that are for nothing are told", () => {
  const nothing: PermsRule[] = [
    { path: "/no" },
    { path: "/etc/shadow/x" },
    { regex: /nothing/u },
    { path: "/bin", regex: /etc/u },
  ];
  expect(permed(...nothing, { path: "/etc" }).unused).toEqual(nothing);
});

test("what nodes share is not changed for those that a rule is not for", () => {
  const tree = treeOf({ one: "", two: "" });
  const shared = rootOwned(0o644);
  for (const name of ["one", "two"]) (nodeAt(tree, [name]) as OwnNode).attributes = shared;
  applyPerms(tree, [{ path: "/one", uid: 3 }]);
  expect([at(tree, "one").uid, at(tree, "two").uid, shared.uid]).toEqual([3, 0, 0]);
});
