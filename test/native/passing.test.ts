import { closeSync, constants, openSync, readSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, expect, test } from "vitest";
import { builtFile } from "../support/builtFile.js";
import { mustRun } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

const ADDON = process.env.LAMINIX_ADDON ?? builtFile("addon.node");
const { passFile } = createRequire(import.meta.url)(ADDON) as {
  passFile(from: number, to: number, length: number): Promise<number>;
};

/** What a pipe has room for unless it is told otherwise. */
const ROOM = 1 << 16;

interface Ends extends Disposable {
  readonly file: number;
  readonly bytes: Buffer;
  readonly read: number;
  readonly write: number;
}

async function ends(folder: TemporaryFolder, size: number): Promise<Ends> {
  const bytes = Buffer.from(Uint8Array.from({ length: size }, (_, at) => at % 251));
  writeFileSync(folder.join("file"), bytes);
  await mustRun("mkfifo", [folder.join("pipe")]);
  const file = openSync(folder.join("file"), constants.O_RDONLY);
  const read = openSync(folder.join("pipe"), constants.O_RDONLY | constants.O_NONBLOCK);
  const write = openSync(folder.join("pipe"), constants.O_WRONLY);
  const open = [file, read, write];
  return { file, bytes, read, write, [Symbol.dispose]: () => open.forEach((fd) => closeSync(fd)) };
}

function readAll(fd: number): Buffer {
  const buffer = Buffer.alloc(2 * ROOM);
  return buffer.subarray(0, readSync(fd, buffer));
}

describe("a file that is passed on to a pipe", () => {
  test("goes there from where it stands, and no further than was asked for", async () => {
    await using folder = await temporaryFolder();
    using pipe = await ends(folder, ROOM);
    expect(await passFile(pipe.file, pipe.write, 5000)).toBe(5000);
    expect(await passFile(pipe.file, pipe.write, 7)).toBe(7);
    expect(readAll(pipe.read).equals(pipe.bytes.subarray(0, 5007))).toBe(true);
  });

  test("goes as far as there is room, and on when there is more", async () => {
    await using folder = await temporaryFolder();
    using pipe = await ends(folder, 2 * ROOM);
    expect(await passFile(pipe.file, pipe.write, 2 * ROOM)).toBe(ROOM);
    expect(await passFile(pipe.file, pipe.write, ROOM)).toBe(0);
    expect(readAll(pipe.read).equals(pipe.bytes.subarray(0, ROOM))).toBe(true);
    expect(await passFile(pipe.file, pipe.write, ROOM)).toBe(ROOM);
    expect(readAll(pipe.read).equals(pipe.bytes.subarray(ROOM))).toBe(true);
  });

  test("goes on while it is read", async () => {
    await using folder = await temporaryFolder();
    using pipe = await ends(folder, 2 * ROOM);
    const passing = passFile(pipe.file, pipe.write, 2 * ROOM);
    expect(readAll(pipe.read)).toHaveLength(ROOM);
    expect(await passing).toBe(2 * ROOM);
  });

  test("tells that no more can go: it has ended, it is none, or nobody reads", async () => {
    await using folder = await temporaryFolder();
    using pipe = await ends(folder, 10);
    expect(await passFile(pipe.file, pipe.write, 20)).toBe(10);
    expect(await passFile(pipe.file, pipe.write, 10)).toBe(-1);
    const inFolder = openSync(folder.path, constants.O_RDONLY);
    expect(await passFile(inFolder, pipe.write, 10)).toBe(-1);
    closeSync(inFolder);
    expect(await passFile(1_000_000, pipe.write, 10)).toBe(-1);
    await mustRun("mkfifo", [folder.join("left")]);
    const reader = openSync(folder.join("left"), constants.O_RDONLY | constants.O_NONBLOCK);
    const left = openSync(folder.join("left"), constants.O_WRONLY);
    closeSync(reader);
    const file = openSync(folder.join("file"), constants.O_RDONLY);
    expect(await passFile(file, left, 10)).toBe(-1);
    closeSync(left);
    closeSync(file);
  });

  test("is refused where it is no number", () => {
    expect(() => passFile("file" as never, 1, 1)).toThrow(TypeError);
  });
});
