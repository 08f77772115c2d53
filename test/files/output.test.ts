import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { setTimeout } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { openOutput } from "../../dist/files/output.js";
import type { OutputOptions } from "../../dist/files/outputTarget.js";
import { ownTag } from "../../dist/files/owner.js";
import { testWith } from "../support/requirements.js";
import { mustRun, run } from "../support/run.js";
import { moduleUrl } from "../support/script.js";
import { temporaryFolder } from "../support/temporary.js";

/** Pieces in one buffer that is filled again for each, as layers' are. */
async function* pieces(count = 20, fail?: () => void): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(70_000);
  for (let i = 0; i < count; i++) yield buffer.fill(i);
  fail?.();
}
const expected = Buffer.concat(Array.from({ length: 20 }, (_, i) => Buffer.alloc(70_000, i)));

async function write(
  path: string,
  from: AsyncIterable<Uint8Array> = pieces(),
  options: Partial<OutputOptions> = {},
): Promise<number> {
  await using output = await openOutput(path, { content: "archive", ...options });
  return await output.write(from);
}

const modeOf = (path: string): string => (lstatSync(path).mode & 0o7777).toString(8);

describe("a file", () => {
  test("is written whole, in place of one that was there, and nothing else is left", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("image.tar"), "old");
    expect(await write(folder.join("image.tar"))).toBe(expected.length);
    expect(readFileSync(folder.join("image.tar")).equals(expected)).toBe(true);
    expect(readdirSync(folder.path)).toEqual(["image.tar"]);
  });

  test("is not there when its source fails, and what was there before stays", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("image.tar"), "old");
    const reason = new Error("it changed");
    const fail = (): never => {
      throw reason;
    };
    for (const name of ["image.tar", "new.tar"]) {
      await expect(write(folder.join(name), pieces(3, fail))).rejects.toBe(reason);
    }
    expect(readdirSync(folder.path)).toEqual(["image.tar"]);
    expect(readFileSync(folder.join("image.tar"), "utf8")).toBe("old");
  });

  test("keeps its mode, and is for nobody else while it is written", async () => {
    await using folder = await temporaryFolder();
    for (const mode of [0o600, 0o644, 0o664, 0o755, 0o606]) {
      writeFileSync(folder.join("image.tar"), "old");
      chmodSync(folder.join("image.tar"), mode);
      const seen = new Set<string>();
      async function* watched(): AsyncGenerator<Uint8Array> {
        for await (const piece of pieces(3)) {
          yield piece;
          for (const name of readdirSync(folder.path))
            if (name.endsWith(".partial")) seen.add(modeOf(folder.join(name)));
        }
      }
      await write(folder.join("image.tar"), watched());
      expect([...seen, modeOf(folder.join("image.tar"))]).toEqual(["600", mode.toString(8)]);
    }
  });

  test("that is new has the mode that the umask leaves", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("other"), "");
    await write(folder.join("image.tar"));
    expect(modeOf(folder.join("image.tar"))).toBe(modeOf(folder.join("other")));
  });

  testWith(["root"], "keeps its owner and group where root replaces it", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("image.tar"), "old");
    chownSync(folder.join("image.tar"), 1234, 2345);
    chmodSync(folder.join("image.tar"), 0o640);
    await write(folder.join("image.tar"));
    const { uid, gid } = statSync(folder.join("image.tar"));
    expect([uid, gid, modeOf(folder.join("image.tar"))]).toEqual([1234, 2345, "640"]);
  });

  testWith(
    ["root"],
    "of a group that a user is not in gives the user's own group no more than everybody",
    async () => {
      await using folder = await temporaryFolder();
      chmodSync(folder.path, 0o777);
      writeFileSync(folder.join("image.tar"), "old");
      chownSync(folder.join("image.tar"), 1234, 2345);
      chmodSync(folder.join("image.tar"), 0o662);
      const result = await asUser(folder.join("image.tar"));
      expect(result).toMatchObject({ code: 0, stderr: "" });
      const { uid, gid } = statSync(folder.join("image.tar"));
      expect([uid, gid, modeOf(folder.join("image.tar"))]).toEqual([4321, 4321, "622"]);
    },
  );

  test("is another one afterwards for whoever has it by another name", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("other"), "old");
    linkSync(folder.join("other"), folder.join("image.tar"));
    await write(folder.join("image.tar"));
    expect(readFileSync(folder.join("other"), "utf8")).toBe("old");
    expect(statSync(folder.join("image.tar")).size).toBe(expected.length);
  });

  test("may have a name as long as names can be", async () => {
    await using folder = await temporaryFolder();
    const name = "é".repeat(127);
    await write(folder.join(name));
    await write(folder.join(name));
    expect(readdirSync(folder.path)).toEqual([name]);
    await expect(write(folder.join(`${name}éé`))).rejects.toMatchObject({
      code: "ERR_FILE_WRITE",
      details: { errno: "ENAMETOOLONG" },
    });
  });

  test("that has become something else while it was made is not replaced", async () => {
    await using folder = await temporaryFolder();
    const become = (): void => {
      symlinkSync("elsewhere", folder.join("image.tar"));
    };
    await expect(write(folder.join("image.tar"), pieces(2, become))).rejects.toMatchObject({
      code: "ERR_FILE_WRITE",
      message: expect.stringContaining("something else"),
    });
    expect(readlinkSync(folder.join("image.tar"))).toBe("elsewhere");
    expect(readdirSync(folder.path)).toEqual(["image.tar"]);
  });
});

describe("what a process that was killed has left of a file", () => {
  test("is removed, and nothing that is still being written or is not ours", async () => {
    await using folder = await temporaryFolder();
    const { stdout } = spawnSync(
      process.execPath,
      ["-e", `import("${moduleUrl("files/owner.js")}").then((it) => console.log(it.ownTag()))`],
      { encoding: "utf8" },
    );
    const dead = stdout.trim();
    const kept = [`image.tar.${ownTag()}.partial`, `other.tar.${dead}.partial`, "image.tar.partial"];
    for (const name of kept) writeFileSync(folder.join(name), "");
    symlinkSync("x", folder.join(`image.tar.${dead.slice(0, -1)}0.partial`));
    kept.push(`image.tar.${dead.slice(0, -1)}0.partial`);
    writeFileSync(folder.join(`image.tar.${dead.slice(0, -1)}1.partial`), "");
    await write(folder.join("image.tar"));
    expect(readdirSync(folder.path).toSorted()).toEqual([...kept, "image.tar"].toSorted());
  });
});

describe("a symbolic link", () => {
  test("is followed to the file, in as many steps as it takes, and stays", async () => {
    await using folder = await temporaryFolder();
    mkdirSync(folder.join("a/b"), { recursive: true });
    writeFileSync(folder.join("a/b/real.tar"), "old");
    chmodSync(folder.join("a/b/real.tar"), 0o600);
    symlinkSync("a/b/second", folder.join("first"));
    symlinkSync("../../third", folder.join("a/b/second"));
    symlinkSync(folder.join("a/b/real.tar"), folder.join("third"));
    await write(folder.join("first"));
    expect(readFileSync(folder.join("a/b/real.tar")).equals(expected)).toBe(true);
    expect(modeOf(folder.join("a/b/real.tar"))).toBe("600");
    expect(readlinkSync(folder.join("first"))).toBe("a/b/second");
    expect(readdirSync(folder.path).toSorted()).toEqual(["a", "first", "third"]);
    expect(readdirSync(folder.join("a/b")).toSorted()).toEqual(["real.tar", "second"]);
  });

  test("that leads to nothing makes the file that it names", async () => {
    await using folder = await temporaryFolder();
    mkdirSync(folder.join("a"));
    symlinkSync("a/new.tar", folder.join("link"));
    await write(folder.join("link"));
    expect(readlinkSync(folder.join("link"))).toBe("a/new.tar");
    expect(statSync(folder.join("a/new.tar")).size).toBe(expected.length);
  });

  test("is refused where it leads round in a circle, or into a folder that is not there", async () => {
    await using folder = await temporaryFolder();
    symlinkSync("two", folder.join("one"));
    symlinkSync("one", folder.join("two"));
    symlinkSync("absent/x", folder.join("three"));
    await expect(openOutput(folder.join("one"), { content: "archive" })).rejects.toMatchObject({
      code: "ERR_FILE_WRITE",
      details: { path: folder.join("one"), errno: "ELOOP" },
    });
    await expect(openOutput(folder.join("three"), { content: "archive" })).rejects.toMatchObject({
      details: { path: folder.join("three"), errno: "ENOENT" },
    });
  });

  testWith(["root"], "that another user has made in a folder for everybody is not followed", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("secret"), "old");
    mkdirSync(folder.join("tmp"));
    chmodSync(folder.join("tmp"), 0o1777);
    await mustRun("setpriv", ["--reuid", "4321", "ln", "-s", "../secret", folder.join("tmp/out")]);
    await expect(openOutput(folder.join("tmp/out"), { content: "archive" })).rejects.toMatchObject({
      code: "ERR_FILE_WRITE",
      message: expect.stringContaining("another user's link"),
    });
    expect(readFileSync(folder.join("secret"), "utf8")).toBe("old");
  });
});

describe("a named pipe", () => {
  test("is written through, also behind a link, and stays one", async () => {
    await using folder = await temporaryFolder();
    await mustRun("mkfifo", [folder.join("pipe")]);
    symlinkSync("pipe", folder.join("link"));
    const reading = run("cat", [folder.join("pipe")]);
    expect(await write(folder.join("link"))).toBe(expected.length);
    expect((await reading).stdout.equals(expected)).toBe(true);
    expect(lstatSync(folder.join("pipe")).isFIFO()).toBe(true);
    expect(readdirSync(folder.path).toSorted()).toEqual(["link", "pipe"]);
  });

  test("that nobody reads is waited for until the signal aborts", async () => {
    await using folder = await temporaryFolder();
    await mustRun("mkfifo", [folder.join("pipe")]);
    const controller = new AbortController();
    const opening = openOutput(folder.join("pipe"), { content: "archive", signal: controller.signal });
    const reason = new Error("enough");
    expect(await Promise.race([opening.catch(() => "failed"), setTimeout(20, "waits")])).toBe("waits");
    controller.abort(reason);
    await expect(opening).rejects.toBe(reason);
  });

  test("whose reader has stalled holds nothing up when the signal aborts", async () => {
    await using folder = await temporaryFolder();
    await mustRun("mkfifo", [folder.join("pipe")]);
    const reader = openSync(folder.join("pipe"), constants.O_RDONLY | constants.O_NONBLOCK);
    const controller = new AbortController();
    const reason = new Error("enough");
    const writing = write(folder.join("pipe"), pieces(), { signal: controller.signal });
    expect(await Promise.race([writing.catch(() => "failed"), setTimeout(20, "waits")])).toBe("waits");
    controller.abort(reason);
    await expect(writing).rejects.toBe(reason);
    closeSync(reader);
  });

  test("whose reader goes away is an error that says so", async () => {
    await using folder = await temporaryFolder();
    await mustRun("mkfifo", [folder.join("pipe")]);
    const reader = openSync(folder.join("pipe"), constants.O_RDONLY | constants.O_NONBLOCK);
    const writing = write(folder.join("pipe"));
    expect(await Promise.race([writing.catch(() => "failed"), setTimeout(20, "waits")])).toBe("waits");
    closeSync(reader);
    await expect(writing).rejects.toMatchObject({ code: "ERR_FILE_WRITE", details: { errno: "EPIPE" } });
  });
});

describe("a character device", () => {
  testWith(["root"], "is written through, also behind a link, and stays one", async () => {
    await using folder = await temporaryFolder();
    await mustRun("mknod", [folder.join("null"), "c", "1", "3"]);
    symlinkSync("null", folder.join("link"));
    expect(await write(folder.join("null"))).toBe(expected.length);
    expect(await write(folder.join("link"))).toBe(expected.length);
    expect(lstatSync(folder.join("null")).isCharacterDevice()).toBe(true);
    expect(readdirSync(folder.path).toSorted()).toEqual(["link", "null"]);
  });

  test("that takes nothing is an error with its reason", async () => {
    await expect(write("/dev/full")).rejects.toMatchObject({
      code: "ERR_FILE_WRITE",
      details: { path: "/dev/full", errno: "ENOSPC" },
      hint: expect.stringContaining("space"),
    });
  });

  test("that is a terminal takes text and no archive", async () => {
    await expect(openOutput("/dev/ptmx", { content: "archive" })).rejects.toMatchObject({
      code: "ERR_FILE_WRITE",
      message: expect.stringContaining("terminal"),
    });
    expect(await write("/dev/ptmx", pieces(0), { content: "text" })).toBe(0);
  });
});

describe("a descriptor", () => {
  test.each(["/dev/fd/", "/proc/self/fd/"])(
    "under %s that is a file is written on where it stands",
    async (at) => {
      await using folder = await temporaryFolder();
      const fd = openSync(folder.join("file"), "a");
      writeFileSync(fd, "before");
      await write(`${at}${String(fd)}`, pieces(1));
      writeFileSync(fd, "after");
      closeSync(fd);
      const text = readFileSync(folder.join("file"));
      expect(text.length).toBe("before".length + 70_000 + "after".length);
      expect([text.subarray(0, 6).toString(), text.subarray(-5).toString()]).toEqual(["before", "after"]);
      expect(readdirSync(folder.path)).toEqual(["file"]);
    },
  );

  test("that is a pipe is written through", async () => {
    await using folder = await temporaryFolder();
    const script = `
      import { openOutput } from "${moduleUrl("files/output.js")}";
      const output = await openOutput("/dev/fd/1", { content: "archive" });
      await output.write((async function* () { for (let i = 0; i < 20; i++) yield Buffer.alloc(70_000, i); })());`;
    const node = [process.execPath, "--input-type=module", "-e", script];
    const { stdout } = await run("sh", ["-c", '"$@" | cat', "sh", ...node], { cwd: folder.path });
    expect(stdout.equals(expected)).toBe(true);
  });

  test("that is a pipe whose reader has gone is an error that says so", async () => {
    await using folder = await temporaryFolder();
    await mustRun("mkfifo", [folder.join("pipe")]);
    const reader = openSync(folder.join("pipe"), constants.O_RDONLY | constants.O_NONBLOCK);
    const fd = openSync(folder.join("pipe"), "w");
    closeSync(reader);
    await expect(openOutput(`/dev/fd/${String(fd)}`, { content: "archive" })).rejects.toMatchObject({
      code: "ERR_FILE_WRITE",
      details: { errno: "EPIPE" },
    });
    closeSync(fd);
  });

  test("that is not open for writing is refused", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("file"), "old");
    const fd = openSync(folder.join("file"), "r");
    for (const path of [`/dev/fd/${String(fd)}`, "/dev/fd/98765"]) {
      await expect(openOutput(path, { content: "archive" })).rejects.toMatchObject({
        code: "ERR_FILE_WRITE",
        details: { path, errno: "EBADF" },
      });
    }
    closeSync(fd);
  });
});

describe("what is refused before anything is written", () => {
  async function refusal(path: string): Promise<{ code: string; message: string; hint: string }> {
    const error: unknown = await openOutput(path, { content: "archive" }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    return error as { code: string; message: string; hint: string };
  }

  test("is a folder, a name with a slash at its end, and no name", async () => {
    await using folder = await temporaryFolder();
    mkdirSync(folder.join("folder"));
    symlinkSync("folder", folder.join("link"));
    symlinkSync("absent/", folder.join("dangling"));
    writeFileSync(folder.join("file"), "old");
    for (const name of ["folder", "folder/", "link", "folder/.", "absent/", "dangling", "file/"]) {
      const { code, message, hint } = await refusal(`${folder.path}/${name}`);
      expect([code, message, hint]).toEqual([
        "ERR_FILE_WRITE",
        expect.stringContaining("folder"),
        expect.any(String),
      ]);
    }
    expect(await refusal("")).toMatchObject({ code: "ERR_FILE_WRITE", hint: "name a file" });
    expect(readdirSync(folder.path).toSorted()).toEqual(["dangling", "file", "folder", "link"]);
    expect(readdirSync(folder.join("folder"))).toEqual([]);
  });

  test("is what lies in no folder", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("file"), "");
    for (const [path, errno] of [
      [folder.join("absent/image.tar"), "ENOENT"],
      [folder.join("file/image.tar"), "ENOTDIR"],
    ] as const) {
      expect(await refusal(path)).toMatchObject({
        code: "ERR_FILE_WRITE",
        details: { path, errno },
        message: expect.stringContaining(path),
      });
    }
  });

  testWith(["root"], "is a block device", async () => {
    await using folder = await temporaryFolder();
    await mustRun("mknod", [folder.join("disk"), "b", "7", "200"]);
    expect(await refusal(folder.join("disk"))).toMatchObject({
      code: "ERR_FILE_WRITE",
      message: expect.stringContaining("block device"),
      hint: expect.stringContaining("file"),
    });
    expect(lstatSync(folder.join("disk")).isBlockDevice()).toBe(true);
  });

  test("is a socket", async () => {
    await using folder = await temporaryFolder();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(folder.join("socket"), resolve));
    expect(await refusal(folder.join("socket"))).toMatchObject({
      code: "ERR_FILE_WRITE",
      message: expect.stringContaining("socket"),
    });
    expect(lstatSync(folder.join("socket")).isSocket()).toBe(true);
    await new Promise((resolve) => server.close(resolve));
  });

  test("is a file that is read-only, as those of a store are", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("stored"), "old");
    chmodSync(folder.join("stored"), 0o444);
    symlinkSync("stored", folder.join("result"));
    expect(await refusal(folder.join("result"))).toMatchObject({
      code: "ERR_FILE_WRITE",
      message: expect.stringContaining("read-only"),
    });
  });

  testWith(
    ["root"],
    "is a file that could not be replaced in the end: a mount, or another's in a shared folder",
    async () => {
      await using folder = await temporaryFolder();
      mkdirSync(folder.join("shared"));
      chmodSync(folder.join("shared"), 0o1777);
      for (const name of ["a mount", "shared/theirs", "host"]) writeFileSync(folder.join(name), "old");
      chmodSync(folder.join("shared/theirs"), 0o666);
      expect(await asUser(folder.join("shared/theirs"))).toMatchObject({
        stderr: expect.stringContaining("ERR_FILE_WRITE"),
      });
      await mustRun("mount", ["--bind", folder.join("host"), folder.join("a mount")]);
      try {
        expect(await refusal(folder.join("a mount"))).toMatchObject({
          code: "ERR_FILE_WRITE",
          message: expect.stringContaining("mounted"),
        });
      } finally {
        await mustRun("umount", [folder.join("a mount")]);
      }
      expect(readdirSync(folder.join("shared"))).toEqual(["theirs"]);
    },
  );

  testWith(["root"], "is a folder, or another's file, that the user may not write to", async () => {
    await using folder = await temporaryFolder();
    expect((await asUser(folder.join("image.tar"))).stderr).toBe("ERR_FILE_WRITE EACCES");
    mkdirSync(folder.join("open"));
    chmodSync(folder.join("open"), 0o777);
    writeFileSync(folder.join("open/theirs"), "old");
    expect((await asUser(folder.join("open/theirs"))).stderr).toBe("ERR_FILE_WRITE EACCES");
    expect(readFileSync(folder.join("open/theirs"), "utf8")).toBe("old");
    expect([existsSync(folder.join("image.tar")), readdirSync(folder.join("open"))]).toEqual([
      false,
      ["theirs"],
    ]);
  });
});

testWith(["root"], "a full disk leaves what was there, and nothing else", async () => {
  await using folder = await temporaryFolder();
  mkdirSync(folder.join("disk"));
  await mustRun("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", folder.join("disk")]);
  try {
    writeFileSync(folder.join("disk/image.tar"), "old");
    await expect(write(folder.join("disk/image.tar"))).rejects.toMatchObject({
      code: "ERR_FILE_WRITE",
      details: { errno: "ENOSPC" },
    });
    expect(readdirSync(folder.join("disk"))).toEqual(["image.tar"]);
    expect(readFileSync(folder.join("disk/image.tar"), "utf8")).toBe("old");
  } finally {
    await mustRun("umount", [folder.join("disk")]);
  }
});

/** Writes a file as a user of no name; standard error has what goes wrong. */
function asUser(path: string): ReturnType<typeof run> {
  const script = `
    import { openOutput } from "${moduleUrl("files/output.js")}";
    try {
      const output = await openOutput(process.argv[1], { content: "archive" });
      await output.write((async function* () { yield Buffer.from("new"); })());
    } catch ({ code, details }) {
      process.stderr.write(code + " " + details?.errno);
    }`;
  return run(process.execPath, ["--input-type=module", "-e", script, path], { uid: 4321, cwd: "/" });
}
