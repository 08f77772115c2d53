import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { LaminixError } from "../../src/errors.js";
// Threads are started from compiled files.
import { compressionFor, writeFileWhole } from "../../dist/transports/file.js";
import { temporaryFolder } from "../support/temporary.js";

/** Pieces in one buffer that is filled again for each, as layers' are. */
async function* pieces(count: number, fail?: Error): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(70_000);
  for (let i = 0; i < count; i++) {
    buffer.fill(i);
    yield buffer;
  }
  if (fail) throw fail;
}
const expected = Buffer.concat(Array.from({ length: 20 }, (_, i) => Buffer.alloc(70_000, i)));

describe("a file", () => {
  test("is written whole, in place of one that was there, and nothing else is left", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("image.tar"), "old");
    const size = await writeFileWhole(folder.join("image.tar"), pieces(20), { compression: "none" });
    expect(size).toBe(expected.length);
    expect(readFileSync(folder.join("image.tar")).equals(expected)).toBe(true);
    expect(readdirSync(folder.path)).toEqual(["image.tar"]);
  });

  test("is compressed with gzip as asked, to the same bytes every time", async () => {
    await using folder = await temporaryFolder();
    const size = await writeFileWhole(folder.join("a"), pieces(20), { compression: "gz" });
    await writeFileWhole(folder.join("b"), pieces(20), { compression: "gz" });
    expect(statSync(folder.join("a")).size).toBe(size);
    expect(gunzipSync(readFileSync(folder.join("a"))).equals(expected)).toBe(true);
    expect(readFileSync(folder.join("a")).equals(readFileSync(folder.join("b")))).toBe(true);
  });

  test("is not there when its source fails, and what was there before stays", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("image.tar"), "old");
    const reason = new LaminixError("ERR_FILE_CHANGED", "it changed");
    for (const name of ["image.tar", "new.tar"]) {
      await expect(writeFileWhole(folder.join(name), pieces(20, reason), { compression: "gz" })).rejects.toBe(
        reason,
      );
    }
    expect(readdirSync(folder.path)).toEqual(["image.tar"]);
    expect(readFileSync(folder.join("image.tar"), "utf8")).toBe("old");
  });

  test("is not there when it was stopped, which rejects with the signal's reason", async () => {
    await using folder = await temporaryFolder();
    const controller = new AbortController();
    const reason = new Error("enough");
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield* pieces(5);
      controller.abort(reason);
      yield* pieces(5);
    }
    const options = { compression: "none", signal: controller.signal } as const;
    await expect(writeFileWhole(folder.join("image.tar"), slow(), options)).rejects.toBe(reason);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test("that cannot be written is an error with its path, the reason, and nothing left behind", async () => {
    await using folder = await temporaryFolder();
    mkdirSync(folder.join("folder/inside"), { recursive: true });
    writeFileSync(folder.join("file"), "");
    for (const [path, errno] of [
      [folder.join("absent/image.tar"), "ENOENT"],
      [folder.join("folder"), "EISDIR"],
      [folder.join("file/image.tar"), "ENOTDIR"],
    ] as const) {
      await expect(writeFileWhole(path, pieces(3), { compression: "none" })).rejects.toMatchObject({
        code: "ERR_FILE_WRITE",
        details: { path, errno },
        message: expect.stringContaining(path),
      });
    }
    expect(readdirSync(folder.path).toSorted()).toEqual(["file", "folder"]);
  });
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
