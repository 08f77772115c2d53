import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { compareNames, toByteString } from "../../dist/bytes/byteString.js";
import type { LayerTar } from "../../dist/tar/layerTar.js";
import { readLayerTar } from "../../dist/tar/read.js";
import { walk } from "../../dist/files/walk.js";
import { bytesOf, membersOf } from "../support/members.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";
import { temporaryFolder } from "../support/temporary.js";
import { writeOddTree } from "./oddTree.js";

const owner = { uid: 0, gid: 0, uname: "root", gname: "root" };

function layerOf(disk: string, name: string, parents: readonly string[] = []): LayerTar {
  return { parents, trees: [{ disk: toByteString(disk), name: toByteString(name) }], owner, mtime: 1 };
}

const tarOf = (layer: LayerTar): Promise<Buffer> => bytesOf(readLayerTar(layer));

interface Listed {
  readonly name: string;
  readonly type: string;
  readonly mode: number;
  readonly linkname: string;
  readonly body: string;
}

async function entriesOf(archive: Buffer): Promise<Listed[]> {
  return (await membersOf(archive)).map(({ header: { name, type, mode, linkname }, body }) => {
    return { name, type, mode, linkname, body: body.toString("latin1") };
  });
}

/** All that a folder holds: type, permissions, link target, size and digest of everything, by name. */
async function inventory(folder: string): Promise<string> {
  const script = String.raw`
cd "$1"
find . -printf '%P\0%y %m %l %s\0' | LC_ALL=C sort -z
find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum`;
  // Sizes of folders are their file system's own business.
  return (await mustRun("sh", ["-c", script, "sh", folder])).stdout
    .toString("latin1")
    .replaceAll(/(d \d+ ) \d+/g, "$1");
}

describe("the tar of a layer", () => {
  test("has its parents first, then each tree's top and all below it, folders before what they hold", async () => {
    await using folder = await temporaryFolder();
    mkdirSync(folder.join("tree/b/c"), { recursive: true });
    for (const name of ["z", "b-c", "b.c", ".dot", "b/x", "b/c/y"])
      writeFileSync(folder.join("tree", name), "");
    const members = await entriesOf(await tarOf(layerOf(folder.join("tree"), "/s/t", ["/", "/s/"])));
    expect(members.map(({ name }) => name)).toEqual(
      ["/", "/s/", "/s/t/", "/s/t/.dot", "/s/t/b/", "/s/t/b/c/", "/s/t/b/c/y", "/s/t/b/x"].concat([
        "/s/t/b-c",
        "/s/t/b.c",
        "/s/t/z",
      ]),
    );
    expect(members[0]).toMatchObject({ type: "directory", mode: 0o755 });
  });

  test("has empty folders, and links to folders as links that are not entered", async () => {
    await using folder = await temporaryFolder();
    mkdirSync(folder.join("tree/empty"), { recursive: true });
    symlinkSync("empty", folder.join("tree/link"));
    const members = await entriesOf(await tarOf(layerOf(folder.join("tree"), "t")));
    expect(members.map(({ name, type }) => [name, type])).toEqual([
      ["t/", "directory"],
      ["t/empty/", "directory"],
      ["t/link", "symlink"],
    ]);
  });

  test("has every hard link as a file with its content", async () => {
    await using folder = await temporaryFolder();
    mkdirSync(folder.join("tree"));
    writeFileSync(folder.join("tree/a"), "content");
    const before = await tarOf(layerOf(folder.join("tree"), "t"));
    writeFileSync(folder.join("tree/b"), "content");
    const apart = await tarOf(layerOf(folder.join("tree"), "t"));
    await mustRun("rm", [folder.join("tree/b")]);
    linkSync(folder.join("tree/a"), folder.join("tree/b"));
    const linked = await tarOf(layerOf(folder.join("tree"), "t"));
    expect(linked.equals(apart)).toBe(true);
    expect(linked.equals(before)).toBe(false);
    expect((await entriesOf(linked)).map(({ name, type, body }) => [name, type, body])).toEqual([
      ["t/", "directory", ""],
      ["t/a", "file", "content"],
      ["t/b", "file", "content"],
    ]);
  });

  test("has a tree that is a file or a link as that alone", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("file"), "text", { mode: 0o755 });
    symlinkSync("/else/where", folder.join("link"));
    expect(await entriesOf(await tarOf(layerOf(folder.join("file"), "/s/file")))).toEqual([
      { name: "/s/file", type: "file", mode: 0o755, linkname: null, body: "text" },
    ]);
    expect(await entriesOf(await tarOf(layerOf(folder.join("link"), "/s/link")))).toEqual([
      { name: "/s/link", type: "symlink", mode: 0o777, linkname: "/else/where", body: "" },
    ]);
  });

  test("is made of whole records, with two empty blocks at its end", async () => {
    await using folder = await temporaryFolder();
    const random = new Random(6);
    for (const size of [0, 1, 511, 512, 513, 9216, 10240, (1 << 20) - 512, 1 << 20, (1 << 20) + 1, 3 << 20]) {
      const body = random.bytes(Math.min(size, 1000));
      await writeFile(folder.join("file"), Buffer.alloc(size, size === 0 ? "" : body));
      const archive = await tarOf(layerOf(folder.join("file"), "f"));
      expect(archive.length % 10240).toBe(0);
      expect(archive.length).toBe(Math.ceil((512 + Math.ceil(size / 512) * 512 + 1024) / 10240) * 10240);
      expect(archive.subarray(-1024).equals(Buffer.alloc(1024))).toBe(true);
    }
  });

  test("is read by tar-stream with every name, link and content", async () => {
    await using folder = await temporaryFolder();
    writeOddTree(folder.join("tree"));
    const members = await entriesOf(await tarOf(layerOf(folder.join("tree"), "t")));
    const { stdout } = await mustRun("find", [folder.join("tree"), "-printf", String.raw`%P\0`]);
    // tar-stream has no names that are not UTF-8: it puts U+FFFD where it cannot read one.
    const readable = (name: string): string => name.replaceAll(/[\udc80-\udcff]+|\ufffd+/g, "?");
    const names = stdout.toString().split("\0").slice(0, -1).map(readable);
    expect(
      members.map(({ name }) => readable(name.replace(/^t\/?/, "").replace(/\/$/, ""))).toSorted(),
    ).toEqual(names.toSorted());
    expect(members.find(({ name }) => name === "t/l-ïnk")?.linkname).toBe("日本語/🎉");
    expect(members.find(({ name }) => name === "t/one\ntwo")?.body).toBe("newline");
  });
});

for (const program of ["tar", "bsdtar"]) {
  describeWith([program], `${program}, given the tar of a layer`, () => {
    test("unpacks the same tree", async () => {
      await using folder = await temporaryFolder();
      writeOddTree(folder.join("tree"));
      await mkdir(folder.join("out"));
      await writeFile(folder.join("layer.tar"), await tarOf(layerOf(folder.join("tree"), "tree")));
      await mustRun(program, ["-xpf", folder.join("layer.tar"), "-C", folder.join("out")], {
        env: { LC_ALL: "C.UTF-8" },
      });
      expect(await inventory(folder.join("out/tree"))).toBe(await inventory(folder.join("tree")));
    });

    test("lists an entry for everything", async () => {
      await using folder = await temporaryFolder();
      writeOddTree(folder.join("tree"));
      const entries = await mustRun("find", [folder.join("tree"), "-printf", "x"]);
      const archive = await tarOf(layerOf(folder.join("tree"), "tree"));
      const { stdout } = await mustRun(program, ["-tf", "-"], {
        input: archive,
        env: { LC_ALL: "C.UTF-8" },
      });
      expect(stdout.toString().trimEnd().split("\n")).toHaveLength(entries.stdout.length);
    });
  });
}

describeWith(["python3"], "a folder with random names", () => {
  test("is walked in the order of Python's sorted(os.listdir())", async () => {
    await using folder = await temporaryFolder();
    const random = new Random(7);
    mkdirSync(folder.join("tree"));
    const wanted = Array.from({ length: 400 }, () =>
      random.chance(0.5)
        ? random.bytes(1 + random.below(3))
        : Buffer.from(
            String.fromCodePoint(
              random.pick([65, 0xe9, 0x7ff, 0xd7ff, 0xe000, 0xffff, 0x10000]) + random.below(3) * 9,
            ),
          ),
    ).filter((name) => !name.includes(0) && !name.includes(0x2f) && !/^\.\.?$/.test(name.toString("latin1")));
    for (const name of wanted) writeFileSync(Buffer.concat([Buffer.from(`${folder.path}/tree/`), name]), "");
    const script = "import os, sys; print(*(os.fsencode(n).hex() for n in sorted(os.listdir(sys.argv[1]))))";
    const { stdout } = await mustRun("python3", ["-c", script, folder.join("tree")], {
      env: { PYTHONUTF8: "1" },
    });
    const walked = Array.from(walk({ disk: folder.join("tree"), name: "t" }, compareNames), ({ name }) =>
      name.slice("t/".length),
    );
    expect(walked.slice(1).map((name) => Buffer.from(name, "latin1").toString("hex"))).toEqual(
      stdout.toString().trim().split(" "),
    );
  });
});
