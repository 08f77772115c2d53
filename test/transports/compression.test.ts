import { writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { openImages } from "../../dist/transports/open.js";
import { archiveOf, layerOf, Layout, tarOf } from "../support/images.js";
import { bytesOf } from "../support/members.js";
import { testWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";
import { temporaryFolder } from "../support/temporary.js";

/** RFC 8878, section 3.1.2. */
function skippable(nibble: number, body: string): Buffer {
  const header = Buffer.from([0x50 + nibble, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]);
  header.writeUInt32LE(body.length, 4);
  return Buffer.concat([header, Buffer.from(body)]);
}

async function zstd(bytes: Buffer): Promise<Buffer> {
  return (await mustRun("zstd", ["-c"], { input: bytes })).stdout;
}

const withFrame = async (bytes: Buffer): Promise<Buffer> =>
  Buffer.concat([skippable(0, "four"), skippable(15, ""), await zstd(bytes)]);

/** What a layout's only layer reads as that is stored as `stored`. */
async function read(layer: Buffer, stored: Buffer, suffix: string): Promise<Buffer> {
  await using folder = await temporaryFolder();
  const layout = new Layout(folder.join("it"));
  layout.index([layout.image({ layers: [layer] }, () => stored, suffix)]);
  using images = await openImages(layout.folder);
  return await bytesOf(images.images[0]!.image.layers[0]!.open());
}

describe("a layer", () => {
  test("of zstd may begin with skippable frames", async () => {
    const layer = await layerOf({ a: "1" });
    expect(await read(layer, await withFrame(layer), "+zstd")).toEqual(layer);
    expect(await read(layer, await withFrame(layer), "")).toEqual(layer);
  });

  test("is read by its first bytes where its media type is wrong", async () => {
    const layer = await layerOf({ a: "1" });
    expect(await read(layer, layer, "+gzip")).toEqual(layer);
    expect(await read(layer, gzipSync(layer), "+zstd")).toEqual(layer);
    expect(await read(layer, gzipSync(layer), "")).toEqual(layer);
  });

  test("without members is one, whatever its media type says", async () => {
    const layer = Buffer.alloc(1024);
    expect(await read(layer, layer, "+gzip")).toEqual(layer);
  });

  test("is a tar whose first member's name begins like something compressed", async () => {
    for (const name of ["BZh9", "PK\x03\x04", "LZIP"]) {
      const layer = await tarOf([{ name, body: "1" }]);
      expect(await read(layer, layer, "")).toEqual(layer);
    }
  });

  test("is damaged where it begins like nothing that its media type says", async () => {
    const layer = await layerOf({ a: "1" });
    const damaged = gzipSync(layer);
    damaged[0] = 0xff;
    await expect(read(layer, damaged, "+gzip")).rejects.toMatchObject({
      code: "ERR_ARCHIVE",
      message: expect.stringContaining("cannot be unpacked"),
    });
  });
});

describe("an archive", () => {
  testWith(["pzstd"], "may be compressed by pzstd, which begins with a skippable frame", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("a.tar"), await archiveOf({ layers: [await layerOf({ a: "1" })] }));
    await mustRun("pzstd", ["-q", folder.join("a.tar"), "-o", folder.join("a.tar.zst")]);
    using images = await openImages(folder.join("a.tar.zst"));
    expect(images.images).toHaveLength(1);
  });

  test.each([
    ["lz4", "04224d18"],
    ["lz4", "02214c18"],
    ["lzma", "5d00008000"],
    ["lzip", "4c5a495001"],
    ["lzop", "894c5a4f000d0a1a0a"],
    ["compress", "1f9d90"],
    ["zip", "504b0304"],
    ["7z", "377abcaf271c"],
    ["zstd as it was before version 0.8", "27b52ffd"],
  ])("compressed with %s is refused by that name", async (name, magic) => {
    await using folder = await temporaryFolder();
    const path = folder.join("a");
    writeFileSync(path, Buffer.concat([Buffer.from(magic, "hex"), Buffer.alloc(600, 1)]));
    await expect(openImages(path)).rejects.toMatchObject({
      code: "ERR_UNSUPPORTED",
      message: `${path} is compressed with ${name}, which is not supported`,
      details: { path, compression: name },
      hint: expect.stringContaining("zstd"),
    });
  });
});
