import { describe, expect, test } from "vitest";
import type { RandomAccess } from "../../dist/bytes/bytes.js";
import { BLOCK, type Entry, HeaderEncoder, type PaxRecords } from "../../dist/tar/header.js";
import { Fingerprint } from "../../dist/tar/fingerprint.js";
import { applyLayer, emptyRoot } from "../../dist/tree/apply.js";
import type { FolderNode } from "../../dist/tree/node.js";
import { treePieces } from "../../dist/tree/tar.js";
import { bytesOf, membersOf } from "../support/members.js";

const encoder = new HeaderEncoder({ uid: 0, gid: 0, uname: "", gname: "" }, 1);

function header(entry: Partial<Entry> & { readonly name: string }, records: PaxRecords = []): Buffer {
  return encoder.encode({ type: "file", mode: 0o644, size: 0, linkname: "", ...entry }, records);
}

function link(name: string, linkname: string): Buffer {
  return header({ type: "symlink", name, linkname });
}

async function applied(...headers: readonly Buffer[]): Promise<FolderNode> {
  const bytes = Buffer.concat(headers);
  const tar: RandomAccess = {
    size: bytes.length,
    read: (target, length, position) => bytes.copy(target, 0, position, position + length),
  };
  const root = emptyRoot();
  await applyLayer(root, tar, "a layer");
  return root;
}

function tarOf(root: FolderNode): Promise<Buffer> {
  return bytesOf(treePieces(root, { mtime: 1, fingerprint: new Fingerprint() }));
}

describe("a layer", () => {
  test("may have folders in one another as deep as a path has room for", async () => {
    const name = `${"a/".repeat(2047)}f`;
    const members = await membersOf(await tarOf(await applied(header({ name }))));
    expect(members.at(-1)?.header.name).toBe(`./${name}`);
  });

  test("is refused with a path, or a link's target, that Linux has no room for", async () => {
    const long = "a/".repeat(200_000);
    const refused = expect.objectContaining({
      code: "ERR_ARCHIVE",
      message: expect.stringMatching(/^.{1,250} in a layer has a path that is too long$/) as string,
    }) as Error;
    await expect(applied(header({ name: `${long}f` }))).rejects.toThrow(refused);
    await expect(applied(link("l", long), header({ name: "l/f" }))).rejects.toThrow(refused);
  });

  test("is refused when its links make a path without end of short ones", async () => {
    const deep = "a/".repeat(1000);
    const steps = ["0", "1", "2", "3"].flatMap((step, i) => [
      link(`l${step}`, i === 0 ? deep : `l${String(i - 1)}/${deep}`),
      header({ name: `l${step}/f` }),
    ]);
    const refused = { code: "ERR_ARCHIVE", message: "a layer has folders in one another too deep" };
    await expect(applied(...steps)).rejects.toThrow(expect.objectContaining(refused) as Error);
  });

  test("may have an extended attribute that is larger than what is written at once", async () => {
    const value = "v".repeat(700_000);
    const root = await applied(
      header({ name: "x" }, [["SCHILY.xattr.user.large", value]]),
      header({ name: "y" }),
    );
    const members = await membersOf(await tarOf(root));
    expect(members.map((member) => member.header.name)).toEqual(["./", "./x", "./y"]);
    expect(members[1]?.header.pax).toMatchObject({ "SCHILY.xattr.user.large": value });
  });

  test("has records of its archive once, however many files share them", async () => {
    const records = Array.from({ length: 1000 }, (_, i) => [`k${String(i)}`, "v"] as const);
    const global = header({ name: "x" }, records);
    global[156] = 0x67; // "g": for all members to come
    let sum = 8 * 0x20;
    for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += global[i] ?? 0;
    global.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    const files = Array.from({ length: 20_000 }, (_, i) => header({ name: `f${String(i)}` }));
    expect((await applied(global, ...files)).children.size).toBe(20_001);
  });
});
