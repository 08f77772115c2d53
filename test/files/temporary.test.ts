/** What is in `TMPDIR`: whose it is, and what becomes of it when its process is killed. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { isLeftBehind, unfinished } from "../../dist/files/owner.js";
import { removeTree } from "../../dist/files/removeTree.js";
import { Spool } from "../../dist/files/spool.js";
import { removeLeftBehind, TemporaryFolder } from "../../dist/files/temporary.js";
import { testWith } from "../support/requirements.js";
import { moduleUrl } from "../support/script.js";
import { type TemporaryFolder as TestFolder, temporaryFolder } from "../support/temporary.js";

let outer: TestFolder;
let tmpdir: string;
beforeEach(async () => {
  outer = await temporaryFolder("temporary");
  tmpdir = outer.join("tmp");
  mkdirSync(tmpdir);
  vi.stubEnv("TMPDIR", tmpdir);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await outer[Symbol.asyncDispose]();
});

const place = (...names: string[]): string => [tmpdir, ...names].join("/");

/** A temporary folder of a process that was killed; its name. */
function remains(): string {
  const source = `
    import { TemporaryFolder } from ${JSON.stringify(moduleUrl("files/temporary.js"))};
    const folder = new TemporaryFolder();
    process.stdout.write(folder.path);
    process.kill(process.pid, "SIGKILL");`;
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "--eval", source], {
    encoding: "utf8",
  });
  return stdout.slice(tmpdir.length + 1);
}

describe("the remains of a process that was killed", () => {
  test("go with the next temporary folder, links in them unfollowed, closed folders and strange names too", () => {
    const name = remains();
    const outside = outer.join("outside");
    mkdirSync(outside);
    writeFileSync(`${outside}/file`, "kept");
    chmodSync(outside, 0o500);
    symlinkSync(outside, place(name, "link"));
    mkdirSync(place(name, "closed", "inner"), { recursive: true });
    writeFileSync(Buffer.concat([Buffer.from(place(name, "closed/inner/")), Buffer.from([0xff, 0x0a])]), "");
    for (const each of ["closed/inner", "closed"]) chmodSync(place(name, each), 0o000);
    using folder = new TemporaryFolder();
    expect(readdirSync(tmpdir).map((each) => place(each))).toEqual([folder.path]);
    expect(readFileSync(`${outside}/file`, "utf8")).toBe("kept");
    expect(lstatSync(outside).mode & 0o777).toBe(0o500);
  });

  test("go with the next file that waits there", () => {
    remains();
    using spool = new Spool();
    spool.append(Buffer.from("bytes"));
    expect(readdirSync(tmpdir)).toEqual([]);
  });

  test("may be a file or a link, which is not followed", () => {
    const [file, link] = [remains(), remains()];
    const outside = outer.join("outside");
    mkdirSync(outside);
    for (const each of [file, link]) removeTree(place(each));
    writeFileSync(place(file), "");
    symlinkSync(outside, place(link));
    expect(removeLeftBehind()).toEqual([]);
    expect(readdirSync(tmpdir)).toEqual([]);
    expect(existsSync(outside)).toBe(true);
  });

  testWith(["root"], "of another user are not touched", () => {
    const name = remains();
    lchownSync(place(name), 65534, 65534);
    expect(removeLeftBehind()).toEqual([]);
    expect(readdirSync(tmpdir)).toEqual([name]);
  });

  test("are not taken for what a living process has, nor for what is not laminix's", () => {
    using folder = new TemporaryFolder();
    for (const name of ["laminix-", "laminix-ssh-abc", "other"]) mkdirSync(place(name));
    const before = readdirSync(tmpdir);
    expect(isLeftBehind(folder.path.slice(place("laminix-").length))).toBe(false);
    expect(removeLeftBehind()).toEqual([]);
    expect(readdirSync(tmpdir)).toEqual(before);
  });
});

describe("a temporary folder", () => {
  test("is its owner's alone, is known while it is there, and goes with all that is in it", () => {
    let path: string;
    {
      using folder = new TemporaryFolder();
      path = folder.path;
      expect(lstatSync(path).mode & 0o777).toBe(0o700);
      expect([...unfinished]).toEqual([path]);
      mkdirSync(`${path}/a/b`, { recursive: true });
      chmodSync(`${path}/a`, 0o000);
    }
    expect([existsSync(path), unfinished.size]).toEqual([false, 0]);
  });

  test("goes however deep what is in it has been made", () => {
    const name = "n".repeat(250);
    let path: string;
    {
      using folder = new TemporaryFolder();
      path = folder.path;
      // From its innermost outwards, for no path leads so deep.
      for (let depth = 0; depth < 200; depth++) {
        mkdirSync(`${path}/outer`);
        if (depth > 0) renameSync(`${path}/inner`, `${path}/outer/${name}`);
        renameSync(`${path}/outer`, `${path}/inner`);
      }
    }
    expect([existsSync(path), unfinished.size]).toEqual([false, 0]);
  });

  test("that cannot be made is an error that names the place, and is not known", () => {
    vi.stubEnv("TMPDIR", outer.join("missing"));
    expect(() => new TemporaryFolder()).toThrow(
      expect.objectContaining({ code: "ERR_FILE_WRITE", details: { path: outer.join("missing") } }) as Error,
    );
    expect(unfinished.size).toBe(0);
  });
});

test("what is not there has been removed", () => {
  expect(() => {
    removeTree(place("nothing"));
  }).not.toThrow();
});
