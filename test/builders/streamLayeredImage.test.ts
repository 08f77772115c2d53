import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
// Threads are started from compiled files.
import {
  type BuildOptions,
  DigestCache,
  type ImageSpec,
  JsonNumber,
  type BuiltImage,
  openStore,
  type ProgressEvent,
  streamLayeredImage,
} from "../../dist/index.js";
import { bytesOf } from "../support/members.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { describeWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";
import { runScript } from "../support/script.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { namesOf, type ReadImage, readImage } from "./image.js";

interface Paths {
  readonly library: string;
  readonly program: string;
  readonly other: string;
  readonly file: string;
}

async function fill(nix: NixStore): Promise<Paths> {
  const library = await nix.addTree("library", (place) => {
    mkdirSync(`${place}/lib`, { recursive: true });
    writeFileSync(`${place}/lib/lib.so`, "x".repeat(50_000));
  });
  const program = await nix.addTree(
    "program-1.0",
    (place) => {
      mkdirSync(`${place}/bin`, { recursive: true });
      writeFileSync(`${place}/bin/program`, library, { mode: 0o755 });
      symlinkSync("program", `${place}/bin/alias`);
    },
    { references: [library] },
  );
  const other = await nix.addTree("other", (place) => {
    mkdirSync(`${place}/bin`, { recursive: true });
    mkdirSync(`${place}/etc`);
    writeFileSync(`${place}/bin/other`, "other", { mode: 0o755 });
    writeFileSync(`${place}/bin/program`, "another", { mode: 0o755 });
    writeFileSync(`${place}/etc/conf`, "");
  });
  const file = await nix.addTextFile("config.txt", "text\n");
  return { library, program, other, file };
}

let folder: TemporaryFolder;
let nix: NixStore;
let paths: Paths;
let store: Awaited<ReturnType<typeof openStore>>;
const programs = ["nix-daemon", "nix-store"];

async function build(spec: Partial<ImageSpec>, options: BuildOptions = {}): Promise<BuiltImage> {
  return streamLayeredImage({ name: "image", ...spec }, { store, cache: false, ...options });
}

async function read(spec: Partial<ImageSpec>, options: BuildOptions = {}): Promise<ReadImage> {
  await using image = await build(spec, options);
  return await readImage(image);
}

describeWith(programs, "an image of store paths", () => {
  beforeAll(async () => {
    folder = await temporaryFolder();
    nix = await startNixStore();
    paths = await fill(nix);
    store = await openStore(nix.uri);
  });
  afterAll(async () => {
    await store.close();
    await nix[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  test("has layers of store paths, dependencies below, and on top one with links to its contents", async () => {
    const { program, library } = paths;
    const { layers, manifest, config } = await read({ contents: [program] });
    expect(layers).toHaveLength(3);
    expect(namesOf(layers[0]!)).toContain(`${library}/lib/lib.so`);
    expect(namesOf(layers[1]!).filter((name) => name.startsWith(program))).toEqual([
      `${program}/`,
      `${program}/bin/`,
      `${program}/bin/alias`,
      `${program}/bin/program`,
    ]);
    expect(layers[2]!.map(({ header }) => [header.name, header.linkname])).toEqual([
      ["./", null],
      ["./bin/", null],
      ["./bin/alias", "program"],
      ["./bin/program", `${program}/bin/program`],
    ]);
    expect(config.history.map(({ comment }) => comment)).toEqual([
      `store paths: ['${library}']`,
      `store paths: ['${program}']`,
      `store paths: ['${program}']`,
    ]);
    expect(manifest.Layers).toEqual(
      config.rootfs.diff_ids.map((id) => `${id.slice("sha256:".length)}/layer.tar`),
    );
  });

  test("has members whose names are the digests of what they hold", async () => {
    const { members, manifest, configText } = await read({ contents: [paths.program, paths.other] });
    const sha256 = (bytes: Buffer | string): string => createHash("sha256").update(bytes).digest("hex");
    expect(manifest.Config).toBe(`${sha256(configText)}.json`);
    for (const { header, body } of members.filter(({ header }) => header.name.endsWith("/layer.tar"))) {
      expect(header.name).toBe(`${sha256(body)}/layer.tar`);
    }
    expect(members.at(-1)!.header.name).toBe("manifest.json");
  });

  test("has the store's real parents in each layer, wherever the store is", async () => {
    const { layers } = await read({ contents: [paths.program] });
    const parents = nix.storeDir.split("/").map((_, i, parts) => `${parts.slice(0, i + 1).join("/")}/`);
    for (const layer of layers.slice(0, -1)) {
      expect(namesOf(layer).slice(0, parents.length - 1)).toEqual(parents.slice(1));
      expect(layer[0]!.header).toMatchObject({ type: "directory", mode: 0o755 });
    }
  });

  test("links each file of its contents once, the first of several at one place, and warns of the others", async () => {
    const { program, other } = paths;
    const events: ProgressEvent[] = [];
    const { layers } = await read(
      { contents: [program, other] },
      { onProgress: (event) => events.push(event) },
    );
    const links = new Map(layers.at(-1)!.map(({ header }) => [header.name, header.linkname]));
    expect([...links.keys()]).toEqual([
      "./",
      "./bin/",
      "./bin/alias",
      "./bin/other",
      "./bin/program",
      "./etc/",
      "./etc/conf",
    ]);
    expect(links.get("./bin/program")).toBe(`${program}/bin/program`);
    expect(events.filter(({ type }) => type === "warning")).toEqual([
      { type: "warning", message: expect.stringContaining("/bin/program") },
    ]);
  });

  test("may be of a path that is a file, which has no place in the root", async () => {
    const { layers } = await read({ contents: [paths.file] });
    expect(namesOf(layers[0]!).at(-1)).toBe(paths.file);
    expect(namesOf(layers[1]!)).toEqual(["./"]);
  });

  test("may be of a path inside a store path, which stands for all of it", async () => {
    const inside = await read({ contents: [`${paths.program}/bin/program`] });
    expect(inside.archive.equals((await read({ contents: [paths.program] })).archive)).toBe(true);
  });

  test("has its files' owner, group, their names, and their time", async () => {
    const owners = { uid: 1000, gid: 100, uname: "me", gname: "users" };
    const spec = {
      contents: [paths.program],
      ...owners,
      mtime: "2001-02-03T04:05:06Z",
      created: "2002-03-04T05:06:07+01:00",
    };
    const { layers, members, config } = await read(spec);
    const mtime = new Date("2001-02-03T04:05:06Z");
    for (const { header } of layers.slice(0, -1).flat()) expect(header).toMatchObject({ ...owners, mtime });
    for (const { header } of layers.at(-1)!) expect(header).toMatchObject({ uid: 0, gid: 0, mtime });
    for (const { header } of members)
      expect(header).toMatchObject({ uid: 0, gid: 0, uname: "", gname: "", mtime });
    expect(config.created).toBe("2002-03-04T05:06:07+01:00");
    expect(config.history.every(({ created }) => created === config.created)).toBe(true);
  });

  test("has the architecture and the variant that it is given", async () => {
    const { config } = await read({ architecture: "arm", variant: "v7" });
    expect(config).toMatchObject({ architecture: "arm", variant: "v7", os: "linux" });
    expect(Object.keys((await read({})).config)).toEqual([
      "created",
      "architecture",
      "os",
      "config",
      "rootfs",
      "history",
    ]);
  });

  test("keeps its configuration as it is", async () => {
    const config = new Map<string, unknown>([
      ["10", new JsonNumber("1.0")],
      ["9", 2n ** 64n],
      ["__proto__", { x: "Grüße" }],
      ["Cmd", ["/bin/program"]],
    ]) as unknown as Record<string, unknown>;
    const { configText } = await read({ config });
    expect(configText).toContain(
      `"config": {\n        "10": 1.0,\n        "9": 18446744073709551616,\n        "__proto__": {\n            "x": "Gr\\u00fc\\u00dfe"`,
    );
  });

  test("has its name in lower case with its registry, and the tag that it is given", async () => {
    await using image = await build({ name: "Registry.example:5000/My/Image", tag: "V1" });
    expect([image.imageName, image.imageTag]).toEqual(["registry.example:5000/my/image", "V1"]);
    expect((await readImage(image)).manifest.RepoTags).toEqual(["registry.example:5000/my/image:V1"]);
  });

  test("has a tag that follows from all that is in it, where none is given", async () => {
    const tagOf = async (spec: Partial<ImageSpec>): Promise<string> => {
      await using image = await build({ contents: [paths.program], ...spec });
      return image.imageTag;
    };
    const tag = await tagOf({});
    expect(tag).toMatch(/^[0-9a-df-np-sv-z]{32}$/);
    for (const same of [
      {},
      { passthru: { a: 1 } },
      { compressor: "zstd" },
      { tag: null },
      { config: {} },
    ] as const) {
      expect([same, await tagOf(same)]).toEqual([same, tag]);
    }
    const others = [
      { config: { Cmd: ["x"] } },
      { contents: [paths.program, paths.other] },
      { contents: [] },
      { maxLayers: 2 },
      { created: "1970-01-01T00:00:02Z" },
      { mtime: "1970-01-01T00:00:02Z" },
      { uid: 1 },
      { uname: "me" },
      { architecture: "s390x" },
      { variant: "v8" },
      { includeStorePaths: false },
    ];
    const tags = await Promise.all(others.map(tagOf));
    expect(new Set([tag, ...tags]).size).toBe(others.length + 1);
  });

  test("includes the store paths that its configuration names, whatever stands around them", async () => {
    const { program, other, file, library } = paths;
    const config = {
      Cmd: [`${program}/bin/program`, "--file", `See ${file}. Or not.`],
      Labels: { [`key of ${other}`]: "x" },
    };
    const { layers, config: written } = await read({ config });
    const all = layers.flatMap(namesOf);
    for (const path of [program, other, library]) expect(all).toContain(`${path}/`);
    expect(all).toContain(file);
    expect(namesOf(layers.at(-1)!)).toEqual(["./"]);
    expect(written.config).toEqual(config);
  });

  test("takes paths of other stores in its configuration for text", async () => {
    const { layers } = await read({
      config: { Cmd: ["/gnu/store/0123456789abcdfghijklmnpqrsvwxyz-x", "/nix/store/short-x"] },
    });
    expect(layers).toHaveLength(1);
  });

  test("fails for store paths that are not valid, in its contents or its configuration", async () => {
    const gone = nix.pathFor("gone");
    for (const spec of [{ contents: [gone] }, { config: { Cmd: [`${gone}/bin/x`] } }]) {
      await expect(build(spec)).rejects.toMatchObject({
        code: "ERR_PATH_NOT_VALID",
        hint: expect.any(String),
      });
    }
  });

  test("has the links alone where store paths are left out", async () => {
    const { layers, config } = await read({ contents: [paths.program], includeStorePaths: false });
    expect(layers).toHaveLength(1);
    expect(namesOf(layers[0]!)).toContain("./bin/program");
    expect(config.rootfs.diff_ids).toHaveLength(1);
  });

  test("has no more layers than allowed, and says which paths are in which", async () => {
    for (const maxLayers of [2, 3, 4, 100]) {
      await using image = await build({ contents: [paths.program, paths.other, paths.file], maxLayers });
      const { layers, config } = await readImage(image);
      expect(layers.length).toBeLessThanOrEqual(maxLayers);
      expect(
        image.layers.map((layer) => `store paths: [${layer.paths.map((path) => `'${path}'`).join(", ")}]`),
      ).toEqual(config.history.slice(0, -1).map(({ comment }) => comment));
    }
    await expect(build({ contents: [paths.program], maxLayers: 0 })).rejects.toMatchObject({
      code: "ERR_LAYER_BUDGET",
    });
  });

  test("hands on what is passed through", async () => {
    await using image = await build({ passthru: { tests: { a: 1 } } });
    expect(image.passthru).toEqual({ tests: { a: 1 } });
  });

  test("tells its progress: the closure, then each layer with its digest and size", async () => {
    const events: ProgressEvent[] = [];
    const { config } = await read(
      { contents: [paths.program] },
      { onProgress: (event) => events.push(event) },
    );
    const closure = await store.closure(paths.program);
    expect(events[0]).toEqual({ type: "closure", paths: 2, narSize: closure.narSize });
    expect(new Set(events.slice(1).map(({ type }) => type))).toEqual(new Set(["layer", "hash"]));
    const hashed = events.filter((event) => event.type === "hash");
    expect(hashed.map(({ index }) => index)).toEqual(expect.arrayContaining([0, 1]));
    const layers = events.filter((event) => event.type === "layer");
    expect(layers.map(({ index, count, kind, diffId }) => [index, count, kind, diffId])).toEqual([
      [0, 3, "store", config.rootfs.diff_ids[0]],
      [1, 3, "store", config.rootfs.diff_ids[1]],
      [2, 3, "root", config.rootfs.diff_ids[2]],
    ]);
  });

  test("can be read several times, as pieces and as a stream whose pieces may be kept", async () => {
    await using image = await build({ contents: [paths.program] });
    const first = await bytesOf(image.pieces());
    expect((await bytesOf(image.pieces())).equals(first)).toBe(true);
    expect(Buffer.concat(await image.stream().toArray()).equals(first)).toBe(true);
  });

  test("is the same from a warm cache", async () => {
    const cache = new DigestCache(folder.join("cache"));
    const spec = { contents: [paths.program, paths.other] };
    const cold = await read(spec, { cache });
    expect(cache.summary().entries).toBeGreaterThan(0);
    expect((await read(spec, { cache })).archive.equals(cold.archive)).toBe(true);
    expect((await read(spec)).archive.equals(cold.archive)).toBe(true);
  });

  test("holds its paths against the garbage collector until it is closed", async () => {
    const kept = await nix.addTextFile("kept", "kept\n");
    const image = await build({ contents: [kept] });
    await expect(nix.run("nix-store", ["--delete", kept])).rejects.toThrow(/alive|still/);
    await image.close();
    await image.close();
    // The daemon notices the end of a connection in its own time.
    await expect
      .poll(
        () =>
          nix.run("nix-store", ["--delete", kept]).then(
            () => "deleted",
            () => "alive",
          ),
        { timeout: 60_000 },
      )
      .toBe("deleted");
  });

  test("rejects with the signal's reason, before and while it is read", async () => {
    const reason = new Error("enough");
    await expect(build({ contents: [paths.program] }, { signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
    const controller = new AbortController();
    await using image = await build(
      { contents: [paths.program, paths.other] },
      { signal: controller.signal },
    );
    const pieces = image.pieces();
    await pieces.next();
    controller.abort(reason);
    await expect(bytesOf(pieces)).rejects.toBe(reason);
  });

  test("that nobody reads to its end does not keep the process", async () => {
    const large = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        nix.addTree(`large${i}`, (place) => writeFileSync(place, Buffer.alloc((5 << 20) + i))),
      ),
    );
    for (const round of ["cold", "warm"]) {
      const result = await runScript(
        `
        const store = await laminix.openStore(${JSON.stringify(nix.uri)});
        const cache = new laminix.DigestCache(${JSON.stringify(folder.join("large-cache"))});
        const contents = ${JSON.stringify(large)};
        const image = await laminix.streamLayeredImage({ name: "large", contents }, { store, cache, jobs: 2 });
        let size = 0;
        for await (const piece of image.pieces()) if ((size += piece.length) > (7 << 20)) break;
        print("stopped reading");
        `,
        { timeout: 60_000 },
      );
      expect([round, result]).toMatchObject([round, { code: 0, signal: null, timedOut: false }]);
      // Once through, so that all digests are known the next time.
      await using image = await build(
        { contents: large },
        { cache: new DigestCache(folder.join("large-cache")) },
      );
      await bytesOf(image.pieces());
    }
  });
});

describeWith(programs, "an image on a base image", () => {
  let base: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    nix = await startNixStore();
    paths = await fill(nix);
    store = await openStore(nix.uri);
    base = folder.join("base.tar");
    await using image = await build({
      name: "base",
      contents: [paths.library],
      config: { Env: ["PATH=/bin", "A=1", "B=2"], Cmd: ["kept"] },
    });
    writeFileSync(base, await bytesOf(image.pieces()));
  });
  afterAll(async () => {
    await store.close();
    await nix[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  test("has the base's layers below its own, with the same digests", async () => {
    const below = await readImage(readFileSync(base));
    const { layers, config } = await read({ contents: [paths.other], fromImage: base });
    expect(layers).toHaveLength(4);
    expect(config.rootfs.diff_ids.slice(0, 2)).toEqual(below.config.rootfs.diff_ids);
    expect(namesOf(layers[0]!)).toEqual(namesOf(below.layers[0]!));
    expect(config.history.slice(0, 2)).toEqual(below.config.history);
  });

  test("has the base's configuration under its own", async () => {
    const { config } = await read({ fromImage: base, config: { Env: ["A=3", "C=4"], User: "me" } });
    const Cmd = ["kept"];
    expect(config.config).toEqual({ Env: ["PATH=/bin", "A=3", "B=2", "C=4"], Cmd, User: "me" });
    expect((await read({ fromImage: base })).config.config).toEqual({
      Env: ["PATH=/bin", "A=1", "B=2"],
      Cmd,
    });
  });

  test("is the same whether the base is compressed or not", async () => {
    writeFileSync(`${base}.gz`, gzipSync(readFileSync(base)));
    const plain = await read({ contents: [paths.other], fromImage: base });
    const packed = await read({ contents: [paths.other], fromImage: `${base}.gz` });
    expect(packed.archive.equals(plain.archive)).toBe(true);
  });

  test("counts the base's layers among those allowed", async () => {
    await expect(build({ contents: [paths.other], fromImage: base, maxLayers: 3 })).rejects.toMatchObject({
      code: "ERR_LAYER_BUDGET",
      hint: expect.stringContaining("4"),
    });
    const { layers } = await read({ contents: [paths.program, paths.other], fromImage: base, maxLayers: 4 });
    expect(layers).toHaveLength(4);
  });

  test("has a tag that changes with the base", async () => {
    await using on = await build({ contents: [paths.other], fromImage: base });
    await using off = await build({ contents: [paths.other] });
    expect(on.imageTag).not.toBe(off.imageTag);
  });

  test("has a layer that the base stores as a link as a file of its own", async () => {
    const script = `
import io, json, sys, tarfile
source = tarfile.open(sys.argv[1])
manifest = json.load(source.extractfile("manifest.json"))[0]
with tarfile.open(sys.argv[2], "w") as target:
    for member in source:
        if member.name == "manifest.json":
            continue
        target.addfile(member, source.extractfile(member))
    names = []
    for i, name in enumerate(manifest["Layers"]):
        link = tarfile.TarInfo(f"links/{i}.tar")
        link.type, link.linkname = tarfile.SYMTYPE, "../" + name
        target.addfile(link)
        names.append(link.name)
    manifest["Layers"] = names
    text = json.dumps([manifest]).encode()
    info = tarfile.TarInfo("manifest.json")
    info.size = len(text)
    target.addfile(info, io.BytesIO(text))
`;
    await mustRun("python3", ["-c", script, base, folder.join("linked.tar")]);
    const plain = await read({ contents: [paths.other], fromImage: base });
    const linked = await read({ contents: [paths.other], fromImage: folder.join("linked.tar") });
    expect(linked.manifest.Layers).toEqual(plain.manifest.Layers);
    expect(linked.config.rootfs).toEqual(plain.config.rootfs);
    expect(linked.layers.map(namesOf)).toEqual(plain.layers.map(namesOf));
  });

  test("cannot be read once it is closed", async () => {
    const image = await build({ contents: [paths.other], fromImage: base });
    await image.close();
    await expect(bytesOf(image.pieces())).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });

  test("fails for a base that is not there or no archive", async () => {
    await expect(build({ fromImage: folder.join("absent") })).rejects.toMatchObject({
      code: "ERR_FILE_READ",
    });
    writeFileSync(folder.join("text"), "no archive");
    await expect(build({ fromImage: folder.join("text") })).rejects.toMatchObject({ code: "ERR_ARCHIVE" });
  });
});

describeWith(programs, "an image of a store whose files are elsewhere", () => {
  test("has its paths by their names in the store, and that store's parents", async () => {
    await using relocated = await startNixStore({ storeDir: "/not/here/store" });
    const { program, library, other } = await fill(relocated);
    await using opened = await openStore(`${relocated.uri}?real=${relocated.realStoreDir}`);
    const { layers } = await read({ contents: [program, other] }, { store: opened });
    for (const layer of layers.slice(0, -1)) {
      expect(namesOf(layer).slice(0, 3)).toEqual(["/not/", "/not/here/", "/not/here/store/"]);
    }
    const all = layers.flatMap(namesOf);
    expect(all).toContain(`${library}/lib/lib.so`);
    expect(layers.at(-1)!.find(({ header }) => header.name === "./bin/other")!.header.linkname).toBe(
      `${other}/bin/other`,
    );
  });

  test("is made from NARs, byte for byte the same, where it is not said where the files are", async () => {
    await using relocated = await startNixStore({ storeDir: "/not/here/store" });
    const { program } = await fill(relocated);
    const archive = async (url: string): Promise<Buffer> => {
      await using opened = await openStore(url);
      await using image = await streamLayeredImage(
        { name: "x", contents: [program] },
        { store: opened, cache: false },
      );
      return await bytesOf(image.pieces());
    };
    const fromDisk = await archive(`${relocated.uri}?real=${relocated.realStoreDir}`);
    expect((await archive(relocated.uri)).equals(fromDisk)).toBe(true);
  });
});
