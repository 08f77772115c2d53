import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildLayeredImage, exportImage, streamLayeredImage } from "../../../dist/index.js";
import { type DockerTools, dockerTools, enginePrograms, exportedNames } from "../../support/dockerTools.js";
import { describeWith } from "../../support/requirements.js";
import { mustRun } from "../../support/run.js";

describeWith(enginePrograms, "dockerTools: exportImage and mergeImages", () => {
  let tools: DockerTools;
  beforeAll(async () => {
    tools = await dockerTools();
  });
  afterAll(async () => {
    await tools[Symbol.asyncDispose]();
  });

  test("exportBash: the tar of the root lists ./bin/bash", async () => {
    const made = await tools.single({ name: "bash", tag: "1", copyToRoot: tools.shell });
    const { path, size } = await exportImage(made.file, { output: tools.folder.join("bash.root.tar") });
    expect(statSync(path).size).toBe(size);
    const { stdout } = await mustRun("tar", ["-tf", path]);
    expect(stdout.toString().split("\n")).toContain("./bin/bash");
    // What comes out of it runs where nothing else is.
    const root = tools.folder.join("bash.root");
    mkdirSync(root);
    await mustRun("tar", ["-xf", path, "-C", root]);
    const echo = await mustRun("chroot", [root, "/bin/bash", "-c", "echo $((6 * 7))"]);
    expect(echo.stdout.toString()).toBe("42\n");
  });

  test("an exported root has what a container has: whiteouts of a base applied, owners and modes kept", async () => {
    const below = await tools.build({
      ...{ name: "exported-below", tag: "1", contents: [tools.busybox] },
      extraCommands:
        "mkdir -p data/gone data/kept; echo a > data/gone/a; echo b > data/b; ln data/b data/hard",
      fakeRootCommands: "chown 1000:100 data/kept; chmod 2750 data/kept",
    });
    await tools.load(below.file);
    // An engine writes whiteouts for what a container has taken away.
    const { docker } = tools.engine();
    const script = "rm -r /data/gone /data/b; mkdir /data/gone; echo new > /data/gone/new";
    await docker(["run", "--network", "none", "--name", "changed", below.reference, "/bin/sh", "-c", script]);
    await docker(["commit", "changed", "changed:1"]);
    await docker(["export", "--output", tools.folder.join("engine.tar"), "changed"]);
    await docker(["rm", "changed"]);
    await docker(["save", "--output", tools.folder.join("changed.tar"), "changed:1"]);
    await tools.laminix(["export", tools.folder.join("changed.tar"), "-o", tools.folder.join("mine.tar")]);
    const listing = async (tar: string): Promise<string[]> => {
      const { stdout } = await mustRun("tar", [
        "--numeric-owner",
        "-tvf",
        tools.folder.join(tar),
        "--full-time",
      ]);
      const lines = stdout
        .toString()
        .split("\n")
        .filter((line) => line.includes("data"));
      return lines
        .map((line) =>
          line
            .replace(/ \d{4}-.* \.?\/?data/, " data")
            .replace(/ +/g, " ")
            .replace(/\/$/, ""),
        )
        .toSorted();
    };
    const mine = await listing("mine.tar");
    expect(mine.map((line) => line.split(" ").at(-1))).toEqual(
      ["data", "data/gone", "data/kept", "data/gone/new", "data/hard"].toSorted(
        (a, b) =>
          mine.findIndex((line) => line.endsWith(` ${a}`)) - mine.findIndex((line) => line.endsWith(` ${b}`)),
      ),
    );
    expect(mine).toEqual(await listing("engine.tar"));
    expect(mine.find((line) => line.endsWith("kept"))).toMatch(/^drwxr-s--- 1000\/100 /);
  });

  test("an image that has just been built is exported without a file of it", async () => {
    await using image = await streamLayeredImage(
      { name: "direct", contents: [tools.hello] },
      { store: tools.store },
    );
    const { path } = await exportImage(image, { output: tools.folder.join("direct.tar") });
    const { stdout } = await mustRun("tar", ["-tf", path]);
    expect(stdout.toString().split("\n")).toEqual(
      expect.arrayContaining(["./bin/hello", `.${tools.hello}/bin/hello`]),
    );
  });

  test("mergedBashAndRedis, mergedBashNoTagAndRedis: all constituents load, under their tags", async () => {
    const bash = await tools.single({
      name: "bash",
      copyToRoot: tools.shell,
      config: { Cmd: ["/bin/bash", "-c", "echo bash"] },
    });
    const redis = await tools.build({
      name: "redis",
      tag: "7",
      contents: [tools.hello],
      config: { Cmd: ["/bin/hello"] },
    });
    const file = tools.folder.join("merged.tar");
    await tools.laminix(["merge", bash.file, redis.file, "-o", file]);
    expect((await tools.load(file)).toSorted()).toEqual([bash.reference, redis.reference].toSorted());
    expect(await tools.run(bash.reference)).toBe("bash");
    expect(await tools.run(redis.reference)).toBe("Hello, world!");
  });

  test("mergedBashFakeRoot: owners are those of the constituents", async () => {
    const spec = { contents: [tools.busybox] };
    const alice = await tools.build({
      ...{ ...spec, name: "alice", tag: "1" },
      fakeRootCommands: "mkdir -p home/alice; chown 1000 home/alice",
    });
    const plain = await tools.single({ name: "plain", tag: "1", copyToRoot: [tools.busybox] });
    const file = tools.folder.join("merged-fakeroot.tar");
    await tools.laminix(["merge", plain.file, alice.file, "-o", file]);
    await tools.load(file);
    expect(await tools.run("alice:1", ["/bin/stat", "-c", "%u:%g", "/home/alice"])).toBe("1000:0");
    expect(await tools.run("plain:1", ["/bin/stat", "-c", "%u:%g", "/bin"])).toBe("0:0");
  });

  test("mergeVaryingCompressor: archives of every compression load as one", async () => {
    const parts: string[] = [];
    for (const compressor of ["none", "gz", "zstd"] as const) {
      const output = tools.folder.join(`part-${compressor}`);
      const config = { Cmd: ["/bin/hello"], Labels: { compressor } };
      const spec = { name: `part-${compressor}`, tag: "1", contents: [tools.hello], config, compressor };
      await buildLayeredImage(spec, { store: tools.store, output });
      parts.push(output);
    }
    const starts = ["", "\x1f\x8b", "\x28\xb5\x2f\xfd"];
    for (const [i, part] of parts.entries())
      expect(readFileSync(part, "latin1").startsWith(starts[i]!)).toBe(true);
    const file = tools.folder.join("merged-varying.tar");
    await tools.laminix(["merge", ...parts, "-o", file]);
    expect((await tools.load(file)).toSorted()).toEqual(["part-gz:1", "part-none:1", "part-zstd:1"]);
    for (const name of ["part-gz:1", "part-none:1", "part-zstd:1"])
      expect(await tools.run(name)).toBe("Hello, world!");
    // They have the same layers, which are there once.
    expect(statSync(file).size).toBeLessThan(statSync(parts[0]!).size * 1.5);
    expect(await exportedNames(tools, file)).toContain("bin/hello");
  });

  test("an export that fails leaves no file", async () => {
    const made = await tools.stream({ name: "damaged", tag: "1", contents: [tools.hello] });
    const bytes = readFileSync(made.file);
    bytes[Math.floor(bytes.length / 2)]! ^= 1;
    writeFileSync(made.file, bytes);
    const output = tools.folder.join("damaged.root.tar");
    await expect(exportImage(made.file, { output })).rejects.toMatchObject({ code: "ERR_DIGEST" });
    expect(statSync(output, { throwIfNoEntry: false })).toBeUndefined();
  });
});
