import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  constants,
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
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { debianClosure, smallPackages } from "../support/debianStore.js";
import { archiveOf, layerOf } from "../support/images.js";
import { mustRun, projectRoot, run } from "../support/run.js";
import { moduleUrl } from "../support/script.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { runMain } from "./commandLine.js";

const CONF = {
  ...{ architecture: "amd64", config: {}, os: "linux", store_dir: "/nix/store", from_image: null },
  ...{
    store_layers: [],
    customisation_layer: null,
    repo_tag: "it:1",
    created: "2024-05-06",
    mtime: "2024-05-06",
  },
  ...{ uid: "0", gid: "0", uname: "root", gname: "root" },
};

let folder: TemporaryFolder;
const at = (name: string): string => folder.join(name);

beforeAll(async () => {
  folder = await temporaryFolder();
  mkdirSync(at("site"));
  writeFileSync(at("site/page"), "hello\n".repeat(50_000));
  writeFileSync(at("spec.json"), JSON.stringify({ name: "it", tag: "1", contents: [at("site")] }));
  writeFileSync(at("single.json"), JSON.stringify({ name: "it", tag: "1", copyToRoot: [at("site")] }));
  const store = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-it";
  writeFileSync(at("stored.json"), JSON.stringify({ name: "it", contents: [store] }));
  writeFileSync(at("graph.json"), "[]");
  writeFileSync(at("image.tar"), await archiveOf({ layers: [await layerOf({ one: "1" })], tags: ["it:1"] }));
  writeFileSync(at("conf.json"), JSON.stringify(CONF));
  mkdirSync(at("folder"));
  writeFileSync(at("folder/mine"), "");
});
afterAll(() => folder[Symbol.asyncDispose]());

const graph = (): string[] => ["--graph", at("graph.json")];
const build = (...args: string[]): string[] => ["build", at("spec.json"), ...graph(), ...args];

/** What prints an archive that can be compared, without a daemon. */
const printing: Readonly<Record<string, () => string[]>> = {
  build: () => build(),
  "build of an oci-archive": () => build("--format", "oci-archive"),
  "build-image": () => ["build-image", at("single.json"), ...graph()],
  export: () => ["export", at("image.tar")],
  merge: () => ["merge", at("image.tar")],
  index: () => ["index", at("image.tar"), "--format", "oci-archive"],
  "stream-conf": () => ["stream-conf", at("conf.json"), ...graph()],
};

describe.each(Object.keys(printing))("what %s writes", (name) => {
  test("goes to standard output for -, uncompressed, and facts go elsewhere", async () => {
    const argv = printing[name]!();
    await runMain([...argv, "-o", at("whole.tar")]);
    for (const place of ["-", "/dev/stdout", "/proc/self/fd/1"]) {
      const { code, stdout } = await runMain([...argv, "-o", place]);
      expect([code, stdout.equals(readFileSync(at("whole.tar")))]).toEqual([0, true]);
    }
    const onScreen = await runMain([...argv, "-o", "-"], { isTerminal: true });
    expect([onScreen.code, onScreen.stdout.length, onScreen.stderr]).toEqual([
      2,
      0,
      expect.stringContaining("terminal"),
    ]);
  });
});

test("an archive on standard output is compressed where that is asked for", async () => {
  const plain = await runMain(build("-o", "-"));
  const packed = await runMain(build("-o", "-", "--compress", "gz"));
  expect(gunzipSync(packed.stdout).equals(plain.stdout)).toBe(true);
});

test("an archive does not go into pipes that are the runtime's own", async () => {
  const program = path.join(projectRoot, "dist/bundled/laminix.js");
  const descriptors = [3, 5, 7, 9, 11, 12];
  const results = await Promise.all(
    descriptors.map((n) => run(process.execPath, [program, "export", at("image.tar"), "-o", `/dev/fd/${n}`])),
  );
  expect(results.map(({ code }) => code)).toEqual(descriptors.map(() => 1));
});

test("a layout with a damaged index is refused before anything is added to it", async () => {
  mkdirSync(at("damaged"));
  writeFileSync(at("damaged/oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(at("damaged/index.json"), "{");
  const { code, stderr } = await runMain(build("--format", "oci-dir", "-o", at("damaged")));
  expect([code, stderr]).toEqual([1, expect.stringContaining("is not JSON")]);
  expect(stderr).not.toContain("layer");
  expect(readdirSync(at("damaged")).sort()).toEqual(["index.json", "oci-layout"]);
});

test("a layout's folder cannot be standard output", async () => {
  for (const argv of [build("--format", "oci-dir"), ["index", at("image.tar")]]) {
    const { code, stderr } = await runMain([...argv, "-o", "-"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("--format oci-archive")]);
  }
});

/** Each would fail otherwise, as soon as its work began. */
const hopeless: Readonly<Record<string, () => string[]>> = {
  build: () => ["build", at("stored.json"), "--store", "unix:///nowhere", "-o"],
  "build of a layout": () => [
    "build",
    at("stored.json"),
    "--store",
    "unix:///nowhere",
    "--format",
    "oci-dir",
    "-o",
  ],
  "build-image": () => ["build-image", at("stored.json"), "--store", "unix:///nowhere", "-o"],
  "nix-shell": () => ["nix-shell", "/nix/store/none.drv", "--store", "unix:///nowhere", "-o"],
  export: () => ["export", at("stored.json"), "-o"],
  merge: () => ["merge", at("stored.json"), "-o"],
  index: () => ["index", at("absent.tar"), "-o"],
  "index of an archive": () => ["index", at("absent.tar"), "--format", "oci-archive", "-o"],
  pull: () => ["pull", "localhost:1/it", "--plain-http", "-o"],
  lock: () => ["lock", "localhost:1/it", "--plain-http", "-o"],
  blob: () => ["blob", `localhost:1/it@sha256:${"0".repeat(64)}`, "--size", "1", "--plain-http", "-o"],
  push: () => ["push", at("absent.tar"), "localhost:1/it", "--digest-file"],
  "stream-conf": () => ["stream-conf", at("absent.json"), "--store", "unix:///nowhere", "-o"],
  conf: () => ["conf", at("absent.json"), "-o"],
  customise: () => ["customise", at("stored.json"), "--store", "unix:///nowhere", "-o"],
};

test.each(Object.keys(hopeless))(
  "%s refuses a bad place for its output before it does anything",
  async (name) => {
    const argv = hopeless[name]!();
    for (const place of ["folder", "absent/it"]) {
      const { code, stdout, stderr } = await runMain([...argv, at(place), "--json"]);
      expect([code, stdout.length]).toEqual([1, 0]);
      const { error } = JSON.parse(stderr) as { error: { code: string; message: string } };
      expect(error).toMatchObject({ code: "ERR_FILE_WRITE", message: expect.stringContaining(at(place)) });
    }
    expect(readdirSync(at("folder"))).toEqual(["mine"]);
  },
);

describe("an output that is an input", () => {
  test("is replaced by what was made of it", async () => {
    for (const command of ["export", "merge"]) {
      const both = at("both.tar");
      writeFileSync(both, readFileSync(at("image.tar")));
      expect(await runMain([command, both, "-o", both])).toMatchObject({ code: 0 });
      const elsewhere = at("elsewhere.tar");
      await runMain([command, at("image.tar"), "-o", elsewhere]);
      expect(readFileSync(both).equals(readFileSync(elsewhere))).toBe(true);
    }
  });

  test("may be a layout, which gets an index of its images", async () => {
    const layout = at("both");
    expect(await runMain(build("--format", "oci-dir", "-o", layout))).toMatchObject({ code: 0 });
    expect(await runMain(["index", layout, "-o", layout, "--name", "all:1"])).toMatchObject({ code: 0 });
    const { manifests } = JSON.parse(readFileSync(`${layout}/index.json`, "utf8")) as {
      manifests: unknown[];
    };
    expect(manifests).toHaveLength(2);
  });

  test("or lies in a folder that goes into the image, is not in its own way", async () => {
    mkdirSync(at("around"));
    writeFileSync(at("around/page"), "hello\n");
    const { code } = await runMain(["build", at("around"), ...graph(), "-o", at("around/image.tar")]);
    expect(code).toBe(0);
    const { stdout } = await runMain(["export", at("around/image.tar")]);
    const listing = await mustRun("tar", ["-t"], { input: stdout });
    expect(listing.stdout.toString().trim().split("\n")).toEqual(["./", "./page"]);
  });
});

describe("the folder of a layout", () => {
  const layout = (place: string): ReturnType<typeof runMain> =>
    runMain(build("--format", "oci-dir", "-o", place));

  test("is made where a link leads, with or without a slash at the end", async () => {
    mkdirSync(at("links"));
    symlinkSync("made", at("links/to"));
    expect(await layout(`${at("links/to")}/`)).toMatchObject({ code: 0 });
    expect(readdirSync(at("links")).toSorted()).toEqual(["made", "to"]);
    expect(readlinkSync(at("links/to"))).toBe("made");
    expect(await layout(at("links/to"))).toMatchObject({ code: 0 });
    expect(readdirSync(at("links/made")).toSorted()).toEqual(["blobs", "index.json", "oci-layout"]);
  });

  test("keeps the mode of its index, and loses what a process that was killed has left", async () => {
    await layout(at("layout"));
    chmodSync(at("layout/index.json"), 0o600);
    const script = `import("${moduleUrl("files/owner.js")}").then((it) => console.log(it.ownTag()))`;
    const dead = (await mustRun(process.execPath, ["-e", script])).stdout.toString().trim();
    for (const left of [at(`layout/.${dead}.partial`), at(`new.${dead}.partial`)]) {
      mkdirSync(`${left}/blobs/sha256`, { recursive: true });
      writeFileSync(`${left}/blobs/sha256/x`, "");
    }
    await layout(at("layout"));
    await layout(at("new"));
    expect(readdirSync(at("layout")).toSorted()).toEqual(["blobs", "index.json", "oci-layout"]);
    expect(readdirSync(folder.path).filter((name) => name.startsWith("new"))).toEqual(["new"]);
    expect((statSync(at("layout/index.json")).mode & 0o777).toString(8)).toBe("600");
  });

  test("is refused where a pipe or a device is", async () => {
    await mustRun("mkfifo", [at("no-folder")]);
    for (const place of [at("no-folder"), "/dev/null", "/dev/stdout"]) {
      expect(await layout(place)).toMatchObject({ code: 1, stderr: expect.stringContaining("OCI layout") });
    }
    expect(lstatSync(at("no-folder")).isFIFO()).toBe(true);
  });
});

describe("the program", () => {
  const cli = path.join(projectRoot, "dist/bundled/laminix.js");
  const exporting = (place: string): string[] => [cli, "export", at("image.tar"), "--quiet", "-o", place];

  test("appends to standard output for /dev/stdout where that is a file", async () => {
    const { stdout } = await runMain(["export", at("image.tar")]);
    const script = '(echo before; "$@"; echo after) >"$0"';
    await mustRun("sh", ["-c", script, at("appended"), process.execPath, ...exporting("/dev/stdout")]);
    const expected = Buffer.concat([Buffer.from("before\n"), stdout, Buffer.from("after\n")]);
    expect(readFileSync(at("appended")).equals(expected)).toBe(true);
  });

  test("makes room in the pipe that an archive goes into", async () => {
    const script = `
import fcntl, subprocess, sys
F_GETPIPE_SZ = 1032
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
archive = child.stdout.read(4096)
print(fcntl.fcntl(child.stdout, F_GETPIPE_SZ))
child.stdout.read()
sys.exit(child.wait())`;
    const archive = ["-o", "-", "--compress", "none", "--quiet"];
    const { stdout } = await mustRun("python3", ["-c", script, process.execPath, cli, ...build(...archive)]);
    expect(Number(stdout)).toBe(1 << 20);
  });

  describe("in a pipe that files are passed on to", () => {
    /** Some files below and some above the size from which they are passed on. */
    const streaming = async (): Promise<string[]> => {
      const { paths, storeDir } = await debianClosure(smallPackages);
      const conf = { ...CONF, store_dir: storeDir, store_layers: paths.map((storePath) => [storePath]) };
      writeFileSync(at("passing.json"), JSON.stringify(conf));
      return [process.execPath, cli, "stream-conf", at("passing.json"), ...graph()];
    };

    test.each([
      ["", {}],
      [" without the addon", { LAMINIX_ADDON: "/no/addon.node" }],
    ])("writes the same bytes as into a file%s", async (_, addon) => {
      const env = { LAMINIX_CACHE_DIR: at("no-cache"), ...addon };
      const command = [...(await streaming()), "--quiet"];
      await mustRun("bash", ["-o", "pipefail", "-c", '"$@" | cat >"$0"', at("piped"), ...command], { env });
      await mustRun("sh", ["-c", '"$@" >"$0"', at("filed"), ...command], { env });
      expect(readFileSync(at("piped")).equals(readFileSync(at("filed")))).toBe(true);
    });

    test("ends with 141 and no word when its reader goes away", async () => {
      const script = 'set +e; "$@" --quiet | head -c 3000000 >/dev/null; echo "${PIPESTATUS[*]}"';
      const { stdout, stderr } = await mustRun("bash", ["-c", script, "bash", ...(await streaming())]);
      expect([String(stdout), stderr]).toEqual(["141 0\n", ""]);
    });

    test("ends with 130 when it is interrupted while nobody reads", async () => {
      const [node = "", ...command] = await streaming();
      await mustRun("mkfifo", [at("unread")]);
      const pipe = openSync(at("unread"), constants.O_RDWR);
      const child = spawn(node, command, { stdio: ["ignore", pipe, "pipe"] });
      const exited = once(child, "exit") as Promise<[number]>;
      let told = "";
      child.stderr?.on("data", (piece: Buffer) => {
        told += String(piece);
        if (/layer +1/.test(told)) child.kill("SIGINT");
      });
      const [code] = await exited;
      closeSync(pipe);
      expect(code).toBe(130);
    });
  });

  test("ends with 141 and no word where a pipe's reader goes away", async () => {
    await mustRun("mkfifo", [at("left")]);
    const reading = run("head", ["-c", "1", at("left")]);
    const { code, stderr } = await run(process.execPath, [
      cli,
      ...build("--quiet", "--compress", "none", "-o", at("left")),
    ]);
    await reading;
    expect([code, stderr]).toEqual([141, ""]);
  });

  test("ends with 130 when it is interrupted at a pipe whose reader has stalled", async () => {
    await mustRun("mkfifo", [at("stalled")]);
    const reader = openSync(at("stalled"), constants.O_RDONLY | constants.O_NONBLOCK);
    const child = spawn(process.execPath, [cli, ...build("--compress", "none", "-o", at("stalled"))], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const exited = once(child, "exit") as Promise<[number]>;
    let told = "";
    child.stderr.on("data", (piece: Buffer) => {
      told += String(piece);
      if (/layer 1\/1/.test(told)) child.kill("SIGINT");
    });
    const [code] = await exited;
    closeSync(reader);
    expect(code).toBe(130);
    expect(lstatSync(at("stalled")).isFIFO()).toBe(true);
  });
});
