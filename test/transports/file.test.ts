import { readFileSync, statSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
// Threads are started from compiled files.
import { openOutput } from "../../dist/files/output.js";
import { compressionFor, writeArchive } from "../../dist/transports/file.js";
import { temporaryFolder } from "../support/temporary.js";

/** Pieces in one buffer that is filled again for each, as layers' are. */
async function* pieces(): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(70_000);
  for (let i = 0; i < 20; i++) yield buffer.fill(i);
}
const expected = Buffer.concat(Array.from({ length: 20 }, (_, i) => Buffer.alloc(70_000, i)));

test("an archive is compressed with gzip as asked, to the same bytes every time", async () => {
  await using folder = await temporaryFolder();
  const sizes = [];
  for (const name of ["a", "b"]) {
    await using output = await openOutput(folder.join(name), { content: "archive" });
    sizes.push(await writeArchive(output, pieces(), { compression: "gz" }));
  }
  const { size } = statSync(folder.join("a"));
  expect(sizes).toEqual([size, size]);
  expect(gunzipSync(readFileSync(folder.join("a"))).equals(expected)).toBe(true);
  expect(readFileSync(folder.join("a")).equals(readFileSync(folder.join("b")))).toBe(true);
});

describe("a file's compression", () => {
  test("is what was asked for, else what its name says, else gzip", () => {
    expect(compressionFor("image.tar.gz", "none")).toBe("none");
    expect(compressionFor("image.tar", "zstd")).toBe("zstd");
    expect(compressionFor("image.tar", undefined)).toBe("none");
    expect(compressionFor("image.tar.gz", undefined)).toBe("gz");
    expect(compressionFor("image.tgz", undefined)).toBe("gz");
    expect(compressionFor("image.tar.zst", undefined)).toBe("zstd");
    expect(compressionFor("image", undefined)).toBe("gz");
  });

  test("is one of those that are known", () => {
    expect(() => compressionFor("image", "xz")).toThrow(
      expect.objectContaining({ code: "ERR_USAGE", hint: expect.stringContaining("none, gz, zstd") }),
    );
  });
});
