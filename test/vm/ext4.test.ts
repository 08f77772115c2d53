import { closeSync, openSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OpenArchive } from "../../dist/files/openArchive.js";
import type { RandomAccess } from "../../dist/bytes/bytes.js";
import {
  type FileNode,
  type FolderNode,
  type TreeNode,
  folderNode,
  linkNode,
  rootOwned,
} from "../../dist/tree/node.js";
import { readFileSystem } from "../../dist/vm/ext4/read.js";
import { writeFileSystem } from "../../dist/vm/ext4/write.js";
import { failureOf } from "../support/failure.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder("ext4");
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

const file = (text: string | Buffer, attributes = rootOwned(0o644)): FileNode => ({
  ...{ type: "file", attributes },
  body: { bytes: Buffer.from(text) },
});
const folderOf = (
  children: Readonly<Record<string, TreeNode>>,
  attributes = rootOwned(0o755),
): FolderNode => ({
  ...{ type: "directory", attributes },
  children: new Map(Object.entries(children)),
});
const disk = (children: Readonly<Record<string, TreeNode>>): FolderNode =>
  folderOf({ ...children, "lost+found": folderNode(rootOwned(0o700)) });

async function written(name: string, root: FolderNode, size?: number): Promise<string> {
  const path = folder.join(name);
  const fd = openSync(path, "wx+");
  try {
    await writeFileSystem(fd, root, { mtime: 1000, ...(size !== undefined && { size }) });
  } finally {
    closeSync(fd);
  }
  return path;
}

function read(path: string): FolderNode {
  return readFileSystem(new OpenArchive(openSync(path, "r")));
}

function bytesAt(root: FolderNode, name: string): Buffer {
  const node = root.children.get(name) as FileNode;
  if (!("source" in node.body)) return Buffer.from((node.body as { bytes: Uint8Array }).bytes);
  const { source, size } = node.body;
  const bytes = Buffer.alloc(size);
  for (let done = 0; done < size;) done += source.read(bytes.subarray(done), size - done, done);
  return bytes;
}

const capability = `\u0001\0\0\u0002\0 ${"\0".repeat(14)}`;
const ping = file("x".repeat(5000), {
  ...{ mode: 0o4755, uid: 70_000, gid: 12, uname: "", gname: "", mtime: 2 ** 33 },
  xattrs: [
    ["SCHILY.xattr.security.capability", capability],
    ["SCHILY.xattr.user.colour", "green"],
  ],
});
const everything = (): FolderNode =>
  disk({
    ...{ ping, again: ping, empty: file("") },
    many: folderOf(
      Object.fromEntries(
        Array.from({ length: 3000 }, (_, i) => [`a file with a longer name ${String(i)}`, file(String(i))]),
      ),
      rootOwned(0o1777),
    ),
    ...{ short: linkNode("x".repeat(59)), long: linkNode("y".repeat(60)), odd: linkNode("\xff/\xe9") },
    null: { type: "character", attributes: rootOwned(0o666), devmajor: 1, devminor: 3 },
    disk: { type: "block", attributes: rootOwned(0o660), devmajor: 259, devminor: 70_000 },
    pipe: { type: "fifo", attributes: rootOwned(0o600), devmajor: 0, devminor: 0 },
    ["name ".repeat(51)]: folderOf({ inner: folderOf({ "\xe9": file("é") }) }),
  });

describeWith(["e2fsck", "debugfs"], "a disk of ext4", () => {
  test("is one that e2fsck finds nothing wrong with, and that holds what went in", async () => {
    const path = await written("everything", everything());
    const { stdout } = await mustRun("e2fsck", ["-fn", path]);
    expect(stdout.toString()).toContain("Pass 5");
    const stat = (await mustRun("debugfs", ["-R", "stat /ping", path])).stdout.toString();
    expect(stat).toMatch(/Mode:\s+04755/);
    expect(stat).toMatch(/User: 70000\s+Group:\s+12/);
    expect(stat).toMatch(/Links: 2/);
    expect(stat).toContain('user.colour (5) = "green"');
    expect(stat).toContain("security.capability (20)");
    const root = read(path);
    expect([...root.children.keys()].sort()).toEqual([...everything().children.keys()].sort());
    for (const name of ["null", "disk", "pipe", "short", "long", "odd"]) {
      const { attributes, ...node } = root.children.get(name) as Exclude<TreeNode, { type: "store" }>;
      const { attributes: given, ...expected } = everything().children.get(name) as typeof node & {
        attributes: object;
      };
      expect(node).toEqual(expected);
      expect(attributes).toMatchObject(given);
    }
    expect(root.children.get("again")).toBe(root.children.get("ping"));
    expect((root.children.get("ping") as FileNode).attributes).toEqual(ping.attributes);
    expect(bytesAt(root, "ping")).toEqual(Buffer.from("x".repeat(5000)));
    expect(
      bytesAt(root.children.get("many") as FolderNode, "a file with a longer name 2999").toString(),
    ).toBe("2999");
  });

  test("is the same, byte for byte, for the same tree", async () => {
    const [one, other] = [await written("one", everything()), await written("other", everything())];
    await mustRun("cmp", [one, other]);
  });

  test("has room for what was asked for, and takes no more of this disk than its files", async () => {
    const path = await written("room", disk({ a: file("a") }), 8 * (1 << 30));
    await mustRun("e2fsck", ["-fn", path]);
    const info = (await mustRun("dumpe2fs", ["-h", path])).stdout.toString();
    expect(Number(/Free blocks:\s+(\d+)/.exec(info)?.[1]) * 4096).toBeGreaterThan(7.6 * (1 << 30));
    const { stdout } = await mustRun("du", ["-k", path]);
    expect(Number.parseInt(stdout.toString(), 10)).toBeLessThan(10_000);
  });

  test("holds a file of more pieces than fit into its inode", async () => {
    const size = 5 * 128 * (1 << 20) + 12_345;
    let reads = 0;
    const zeros: RandomAccess = {
      size,
      read: (target, length) => {
        reads++;
        target.fill(0, 0, length);
        return length;
      },
    };
    const large: FileNode = {
      type: "file",
      attributes: rootOwned(0o644),
      body: { source: zeros, offset: 0, size },
    };
    const path = await written("large", disk({ large, after: file("after") }));
    expect(reads).toBeGreaterThan(600);
    await mustRun("e2fsck", ["-fn", path]);
    const root = read(path);
    const { body } = root.children.get("large") as FileNode;
    expect(body).toMatchObject({ size });
    expect(bytesAt(root, "after").toString()).toBe("after");
  });
});

test("what does not fit on a disk is refused with how large it has to be", async () => {
  const large = disk({ large: file(Buffer.alloc(3 << 20)) });
  expect(await failureOf(written("small", large, 2 << 20))).toMatchObject({
    code: "ERR_MACHINE_DISK",
    hint: expect.stringContaining("diskSize") as string,
  });
});

test("names and links that Linux has no room for are refused", async () => {
  for (const children of [{ ["n".repeat(256)]: file("") }, { link: linkNode("t".repeat(4096)) }])
    expect(
      await failureOf(written(`long ${Object.keys(children)[0]!.slice(0, 9)}`, disk(children))),
    ).toMatchObject({ code: "ERR_UNSUPPORTED" });
  expect(
    read(await written("longest", disk({ ["n".repeat(255)]: linkNode("t".repeat(4095)) }))).children.size,
  ).toBe(2);
});

test("a damaged disk is read, or refused with ERR_MACHINE_DISK_DAMAGED, and nothing else", async () => {
  const path = await written("whole", disk({ a: ping, b: folderOf({ c: linkNode("z".repeat(100)) }) }));
  const whole = new OpenArchive(openSync(path, "r"));
  const bytes = Buffer.alloc(whole.size);
  whole.read(bytes, bytes.length, 0);
  const random = new Random(7);
  let refused = 0;
  for (let i = 0; i < 2000; i++) {
    const damaged = Buffer.from(bytes);
    for (let j = 0; j < 4; j++) damaged[random.below(damaged.length)] = random.below(256);
    // Half of the damage goes where the tables are.
    damaged[1024 + random.below(30_000)] = random.below(256);
    const source: RandomAccess = {
      size: damaged.length,
      read: (target, length, position) => damaged.copy(target, 0, position, position + length),
    };
    try {
      readFileSystem(source);
    } catch (error) {
      expect(error).toMatchObject({ code: "ERR_MACHINE_DISK_DAMAGED" });
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(20);
  writeFileSync(folder.join("short"), bytes.subarray(0, 3000));
  expect(() => read(folder.join("short"))).toThrow(
    expect.objectContaining({ code: "ERR_MACHINE_DISK_DAMAGED" }) as Error,
  );
});
