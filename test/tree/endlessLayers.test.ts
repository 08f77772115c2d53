/** Long work on what strangers wrote lets the rest of the process have its turn. */
import { describe, expect, test } from "vitest";
import type { RandomAccess } from "../../dist/bytes/bytes.js";
import { Fingerprint } from "../../dist/tar/fingerprint.js";
import { tarMembers } from "../../dist/tar/members.js";
import { TarBudget } from "../../dist/tar/tarBudget.js";
import { applyLayer, emptyRoot } from "../../dist/tree/apply.js";
import { folderNode, rootOwned } from "../../dist/tree/node.js";
import { treePieces } from "../../dist/tree/tar.js";
import { archiveRecords, member } from "../support/bombs.js";

/** An archive of the same blocks, again and again. */
function endless(blocks: Buffer): RandomAccess {
  return {
    size: Number.MAX_SAFE_INTEGER,
    read: (target, length, position) =>
      blocks.copy(target, 0, position % blocks.length, (position % blocks.length) + length),
  };
}

/** So that it can only be heard when something waits. */
function soon(): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => {
    controller.abort(new Error("heard"));
  }, 30);
  return controller.signal;
}

describe("a layer without end", () => {
  test("is stopped by its signal", async () => {
    const work = applyLayer(emptyRoot(), endless(member("f")), "it", { signal: soon() });
    await expect(work).rejects.toThrow("heard");
  });

  test("is refused when there are more members, or longer names, than the layers of a root may have", async () => {
    const budget = new TarBudget({ members: 2500 });
    const files = Buffer.concat(Array.from({ length: 1000 }, (_, i) => member(`f${String(i)}`)));
    const thousand = { ...endless(files), size: files.length };
    const root = emptyRoot();
    for (let i = 0; i < 2; i++) await applyLayer(root, thousand, "it", { budget });
    await expect(applyLayer(root, thousand, "the third", { budget })).rejects.toMatchObject({
      code: "ERR_ARCHIVE",
      message: "the third cannot be read: there are more than 2500 members",
      details: { limit: 2500 },
    });
    const long = { budget: new TarBudget({ text: 1 << 20 }) };
    await expect(applyLayer(root, endless(member("n".repeat(3000))), "it", long)).rejects.toThrow(
      "it cannot be read: names and PAX records have more than 1 MiB",
    );
    const attribute = member("f", [["SCHILY.xattr.user.x", "v".repeat(3000)]]);
    const attributes = { budget: new TarBudget({ text: 1 << 20 }) };
    await expect(applyLayer(root, endless(attribute), "it", attributes)).rejects.toThrow(/more than 1 MiB/);
  });

  test("is refused when headers about members come without members", () => {
    const records = member("f", [["comment", "x"]]).subarray(0, -512);
    for (const [blocks, message] of [
      [records, "more than 16 extended headers before one member"],
      [archiveRecords([["comment", "x"]]), "more than 16 extended headers before one member"],
      [archiveRecords(Array.from({ length: 1001 }, (_, i) => [`k${String(i)}`, "v"])), "1001 PAX records"],
    ] as const)
      expect(() => [...tarMembers(endless(blocks), "it")]).toThrow(message);
  });
});

test("the tar of a tree that is large is stopped by its signal, though nobody waits for anything", async () => {
  const root = folderNode();
  const attributes = rootOwned(0o644);
  for (let i = 0; i < 100_000; i++)
    root.children.set(String(i), { type: "file", attributes, body: { bytes: new Uint8Array() } });
  const signal = soon();
  const read = async (): Promise<void> => {
    for await (const _ of treePieces(root, { mtime: 0, signal, fingerprint: new Fingerprint() }));
  };
  await expect(read()).rejects.toThrow("heard");
});
