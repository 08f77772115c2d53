/** Hard links of layers stay hard links in an exported root. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { exportImage } from "../../dist/builders/exportImage.js";
import { archiveOf, type Item, tarOf } from "../support/images.js";
import { mustRun } from "../support/run.js";
import { temporaryFolder } from "../support/temporary.js";

test("an exported root has hard links as such, and GNU tar extracts what the layers add up to", async () => {
  await using folder = await temporaryFolder();
  const body = Buffer.alloc(1 << 20, "x");
  const link = (name: string, linkname: string): Item => ({ name, type: "link", linkname });
  const many = Array.from({ length: 500 }, (_, i) => link(`z/link${String(i)}`, "original"));
  const layers = [
    await tarOf([
      { name: "original", body },
      link("alias", "original"),
      link("removed", "original"),
      ...many,
      { name: "soft", type: "symlink", linkname: "original" },
      link("soft2", "soft"),
    ]),
    // The first name of all, and the one that the links were made to, are other files now.
    await tarOf([
      { name: "alias", body: "other" },
      { name: ".wh.removed" },
      { name: "original", body: "replaced" },
      link("again", "z/link7"),
      link("original2", "original"),
    ]),
  ];
  const image = folder.join("image.tar");
  const output = folder.join("root.tar");
  writeFileSync(image, await archiveOf({ layers }));
  const { size } = await exportImage(image, { output });
  expect(size).toBeLessThan(2 << 20);

  const root = folder.join("root");
  mkdirSync(root);
  await mustRun("tar", ["--extract", `--file=${output}`, `--directory=${root}`]);
  const text = (name: string): string => readFileSync(`${root}/${name}`, "latin1");
  expect([text("alias"), text("original"), text("original2")]).toEqual(["other", "replaced", "replaced"]);
  const inode = (name: string): number => statSync(`${root}/${name}`).ino;
  const linked = ["again", ...many.map(({ name }) => name)];
  expect(new Set(linked.map(inode)).size).toBe(1);
  expect(text("z/link499")).toBe(body.toString("latin1"));
  expect(statSync(`${root}/again`).nlink).toBe(501);
  expect(inode("original")).toBe(inode("original2"));
  expect(text("soft2")).toBe("replaced");
  await expect(mustRun("test", ["-e", `${root}/removed`])).rejects.toThrow();
});
