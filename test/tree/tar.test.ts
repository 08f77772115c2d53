import { mkdirSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Fingerprint } from "../../dist/tar/fingerprint.js";
import { type TarMember, tarMembers } from "../../dist/tar/members.js";
import { applyLayer, emptyRoot } from "../../dist/tree/apply.js";
import { nodeAt } from "../../dist/tree/lookup.js";
import {
  type Attributes,
  folderNode,
  type FolderNode,
  type OwnNode,
  rootOwned,
} from "../../dist/tree/node.js";
import { treePieces } from "../../dist/tree/tar.js";
import { withoutTimes } from "../../dist/tree/times.js";
import { bytesOf } from "../support/members.js";
import { describeWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";
import { temporaryFolder } from "../support/temporary.js";
import { diskWords } from "./diskWords.js";
import { randomAccess, treeOf, wordsOf } from "./trees.js";

const tarBytes = (root: FolderNode, mtime = 1): Promise<Buffer> =>
  bytesOf(treePieces(root, { mtime, fingerprint: new Fingerprint() }));
const membersOf = async (root: FolderNode): Promise<TarMember[]> => [
  ...tarMembers(randomAccess(await tarBytes(root)), "it"),
];
const set = (root: FolderNode, path: string, attributes: Partial<Attributes>): void => {
  const node = nodeAt(root, path.split("/").filter(Boolean)) as OwnNode;
  node.attributes = { ...node.attributes, ...attributes };
};

test("begins with the root, and has names in code point order, each folder before what is in it", async () => {
  const names = ["b/x", "b-c", "a", "B", "é", "\u{1f389}", "\uff5e", "b/", "z/deep/er"];
  const byteNames = names.map((name) => Buffer.from(name).toString("latin1"));
  const root = treeOf(
    Object.fromEntries(byteNames.filter((name) => name !== "b/").map((name) => [name, ""])),
  );
  const members = await membersOf(root);
  expect(members.map(({ name }) => Buffer.from(name, "latin1").toString())).toEqual([
    ...[
      "./",
      "./B",
      "./a",
      "./b/",
      "./b/x",
      "./b-c",
      "./z/",
      "./z/deep/",
      "./z/deep/er",
      "./é",
      "./\uff5e",
      "./\u{1f389}",
    ],
  ]);
});

test("is an empty folder for an empty root", async () => {
  expect((await membersOf(folderNode())).map(({ name, type }) => [name, type])).toEqual([
    ["./", "directory"],
  ]);
});

test("tells owners, modes, times and extended attributes of each", async () => {
  const root = treeOf({ file: "text", link: "-> file", "folder/": "", plain: "" });
  const xattrs = [["SCHILY.xattr.user.a", "\x00\xff b\n"]] as const;
  set(root, "file", { mode: 0o4755, uid: 3_000_000, gid: 7, uname: "someone", xattrs, mtime: 77 });
  set(root, "folder", { mode: 0o1777 });
  set(root, "", { mode: 0o700 });
  const byName = new Map((await membersOf(root)).map((member) => [member.name, member]));
  expect(byName.get("./file")).toMatchObject({
    mode: 0o4755,
    uid: 3_000_000,
    gid: 7,
    uname: "someone",
    mtime: 77,
  });
  expect(new Map(byName.get("./file")!.pax.all).get("SCHILY.xattr.user.a")).toBe("\x00\xff b\n");
  expect(byName.get("./folder/")).toMatchObject({ mode: 0o1777, mtime: 1 });
  expect(byName.get("./")).toMatchObject({ mode: 0o700 });
  expect(byName.get("./link")).toMatchObject({ type: "symlink", linkname: "file", mode: 0o777 });
  expect(byName.get("./plain")!.pax.all).toEqual([]);
});

test("read back it is the tree that it was made of, and gives the same bytes", async () => {
  const root = treeOf({
    "a/b": "text",
    "a/c": "",
    link: "-> /a",
    [`${"long".repeat(60)}/x`]: "x",
    "empty/": "",
  });
  root.children.set("null", { type: "character", attributes: rootOwned(0o666), devmajor: 1, devminor: 3 });
  root.children.set("pipe", { type: "fifo", attributes: rootOwned(0o600), devmajor: 0, devminor: 0 });
  set(root, "a/b", { uid: 5, gid: 6, mode: 0o600, xattrs: [["SCHILY.xattr.user.x", "y"]] });
  const bytes = await tarBytes(root);
  const again = emptyRoot();
  await applyLayer(again, randomAccess(bytes), "it");
  expect(wordsOf(again)).toEqual(wordsOf(root));
  expect((await tarBytes(again)).equals(bytes)).toBe(true);
  // Without times of its own it has those that it is given.
  const later = await tarBytes(withoutTimes(again), 99);
  expect([...tarMembers(randomAccess(later), "it")].map(({ mtime }) => mtime)).toEqual(
    Array.from({ length: 10 }, () => 99),
  );
});

test("an archive that has become shorter meanwhile is told", async () => {
  const bytes = Buffer.alloc(1000);
  const root = folderNode();
  const body = { source: randomAccess(bytes), offset: 900, size: 200 };
  root.children.set("cut", { type: "file", attributes: rootOwned(0o644), body });
  await expect(tarBytes(root)).rejects.toMatchObject({ code: "ERR_ARCHIVE" });
});

test("a file that is not there any more is told by its name", async () => {
  const root = folderNode();
  root.children.set("gone", { type: "file", attributes: rootOwned(0o644), body: { disk: "/no/such/file" } });
  await expect(tarBytes(root)).rejects.toMatchObject({
    code: expect.stringMatching(/^ERR_FILE_/) as string,
    message: expect.stringContaining("/no/such/file") as string,
  });
});

test("files on the disk and store paths are read from there", async () => {
  await using folder = await temporaryFolder();
  mkdirSync(folder.join("path/bin"), { recursive: true });
  writeFileSync(folder.join("path/bin/tool"), "tool", { mode: 0o755 });
  writeFileSync(folder.join("file"), "on the disk");
  const root = folderNode();
  const body = { disk: folder.join("file") };
  root.children.set("file", { type: "file", attributes: { ...rootOwned(0o600), uid: 9 }, body });
  root.children.set("store", { type: "store", files: { disk: folder.join("path") } });
  const again = emptyRoot();
  await applyLayer(again, randomAccess(await tarBytes(root)), "it");
  expect(wordsOf(again)).toEqual({ file: "on the disk", "store/bin/tool": "tool" });
  expect(nodeAt(again, ["file"])).toMatchObject({ attributes: { mode: 0o600, uid: 9 } });
  expect(nodeAt(again, ["store", "bin", "tool"])).toMatchObject({ attributes: { mode: 0o755, uid: 0 } });
});

describeWith(["bsdtar"], "the tar of a tree", () => {
  test("is what GNU tar and bsdtar unpack", async () => {
    await using folder = await temporaryFolder();
    const words = {
      ...{
        "a/b": "text",
        "a/c": "",
        link: "-> a/b",
        "empty/": "",
        "x y": "spaces",
        large: "l".repeat(70_000),
      },
      [`${"long".repeat(30)}/${"name".repeat(30)}`]: "x",
    };
    writeFileSync(folder.join("it.tar"), await tarBytes(treeOf(words)));
    for (const program of ["tar", "bsdtar"]) {
      mkdirSync(folder.join(program));
      await mustRun(program, ["-xf", folder.join("it.tar"), "-C", folder.join(program)]);
      expect(await diskWords(folder.join(program))).toEqual(words);
    }
  });
});
