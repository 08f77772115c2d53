import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { describe, expect, test } from "vitest";
import { largePart } from "../../dist/tar/archive.js";
import { readLayerTar } from "../../dist/tar/read.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

const MIB = 1 << 20;

/**
 * Reads the tar of `tree`, and calls back when its first piece has been read.
 * @param partOf for files that are passed on; they are read all the same
 */
async function readWhile(
  folder: TemporaryFolder,
  afterFirst: () => void = () => undefined,
  partOf?: typeof largePart,
): Promise<number> {
  let size = 0;
  const buffer = Buffer.alloc(MIB);
  const tree = { disk: folder.join("tree"), name: "/store/tree" };
  const owner = { uid: 0, gid: 0, uname: "root", gname: "root" };
  for await (const piece of readLayerTar({ parents: [], trees: [tree], owner, mtime: 1 }, { partOf })) {
    if (size === 0) afterFirst();
    size += piece.length;
    if (piece instanceof Uint8Array) continue;
    for (let left = piece.length; left > 0;) left -= piece.read(buffer, 0, Math.min(left, buffer.length));
  }
  return size;
}

/** A tree of one file larger than some pieces, and another after it. */
async function largeTree(): Promise<TemporaryFolder> {
  const folder = await temporaryFolder();
  mkdirSync(folder.join("tree"));
  writeFileSync(folder.join("tree/large"), Buffer.alloc(4 * MIB));
  writeFileSync(folder.join("tree/later"), "later");
  return folder;
}

describe("reading a layer", () => {
  const changes: Readonly<Record<string, (folder: TemporaryFolder) => void>> = {
    "grows while it is read": (folder) => appendFileSync(folder.join("tree/large"), "x"),
    "shrinks while it is read": (folder) => truncateSync(folder.join("tree/large"), MIB),
    "is emptied while it is read": (folder) => truncateSync(folder.join("tree/large"), 0),
    "is rewritten while it is read": (folder) =>
      writeFileSync(folder.join("tree/large"), Buffer.alloc(4 * MIB, 1)),
  };
  for (const [what, change] of Object.entries(changes)) {
    test.each([
      ["copied", undefined],
      ["passed on", largePart],
    ])(`fails when a file ${what}, to be %s, and names it`, async (_, partOf) => {
      await using folder = await largeTree();
      await expect(readWhile(folder, () => change(folder), partOf)).rejects.toMatchObject({
        code: "ERR_FILE_CHANGED",
        details: { path: folder.join("tree/large") },
        hint: expect.any(String),
      });
    });
  }

  test("fails when a file of a folder that was listed is gone", async () => {
    await using folder = await largeTree();
    await expect(readWhile(folder, () => rmSync(folder.join("tree/later")))).rejects.toMatchObject({
      code: "ERR_FILE_CHANGED",
      details: { path: folder.join("tree/later") },
    });
  });

  test("does not mind that a file which comes later is touched", async () => {
    await using folder = await largeTree();
    expect(await readWhile(folder, () => utimesSync(folder.join("tree/later"), 5, 5))).toBeGreaterThan(
      4 * MIB,
    );
  });

  test("fails for a tree that is not there", async () => {
    await using folder = await temporaryFolder();
    await expect(readWhile(folder)).rejects.toMatchObject({ code: "ERR_FILE_CHANGED" });
  });

  test("fails for what is neither file, folder nor link", async () => {
    await using folder = await temporaryFolder();
    mkdirSync(folder.join("tree"));
    execFileSync("mkfifo", [folder.join("tree/fifo")]);
    await expect(readWhile(folder)).rejects.toMatchObject({
      code: "ERR_FILE_TYPE",
      details: { path: folder.join("tree/fifo") },
    });
  });

  test("takes a link that leads to itself as a link", async () => {
    await using folder = await temporaryFolder();
    symlinkSync("tree", folder.join("loop"));
    symlinkSync("loop", folder.join("tree"));
    expect(await readWhile(folder)).toBe(10240);
  });

  test("stops with the signal's reason", async () => {
    await using folder = await largeTree();
    const reason = new Error("enough");
    const controller = new AbortController();
    const tree = { disk: folder.join("tree"), name: "/store/tree" };
    const owner = { uid: 0, gid: 0, uname: "", gname: "" };
    const pieces = readLayerTar(
      { parents: [], trees: [tree], owner, mtime: 1 },
      { signal: controller.signal },
    );
    await pieces.next();
    controller.abort(reason);
    await expect(pieces.next()).rejects.toBe(reason);
  });
});
