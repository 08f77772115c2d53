import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
// Threads are started from compiled files.
import {
  type BuildFileOptions,
  buildImage,
  buildLayeredImage,
  DigestCache,
  type ImageFile,
  type ImageSpec,
  openStore,
  type ProgressEvent,
  type StoreSource,
  streamLayeredImage,
} from "../../dist/index.js";
import { archiveOf, layerOf, Layout, named, sha256 } from "../support/images.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { Random } from "../support/random.js";
import { type ReadLayout, readLayout } from "../support/readLayout.js";
import { describeWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { readImage } from "./image.js";

const CONTENT_KEY = "dev.laminix.content-key";

let place: TemporaryFolder;
let nix: NixStore;
let store: Awaited<ReturnType<typeof openStore>>;
let program: string;
let library: string;
/** For each test. */
let folder: TemporaryFolder;
let cache: DigestCache;

function build(
  output: string,
  spec: Partial<ImageSpec> = {},
  options: Partial<BuildFileOptions> = {},
): Promise<ImageFile> {
  const whole = { name: "Image", tag: "1", contents: [program], ...spec };
  return buildLayeredImage(whole, {
    store,
    cache,
    output: folder.join(output),
    format: "oci-dir",
    ...options,
  });
}

/** The archive as the folder that it is of. */
async function unpacked(archive: string): Promise<string> {
  const to = folder.join(`${archive}.unpacked`);
  mkdirSync(to);
  await mustRun("tar", ["-C", to, "-xf", folder.join(archive)]);
  return to;
}

const layout = (name: string): Promise<ReadLayout> => readLayout(folder.join(name));

describeWith(["nix-daemon", "nix-store", "zstd"], "an image as an OCI layout", () => {
  beforeAll(async () => {
    place = await temporaryFolder();
    nix = await startNixStore();
    library = await nix.addTree("library", (at) => {
      mkdirSync(at);
      writeFileSync(`${at}/noise`, new Random(5).bytes(2_000_000));
      writeFileSync(`${at}/text`, "some text ".repeat(1_500_000));
    });
    program = await nix.addTree("program", (at) => writeFileSync(at, library), { references: [library] });
    store = await openStore(nix.uri);
  });
  afterAll(async () => {
    await store.close();
    await nix[Symbol.asyncDispose]();
    await place[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    folder = await temporaryFolder();
    cache = new DigestCache(folder.join("cache"));
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  describe.each(["none", "gz", "zstd"] as const)("with layers compressed with %s", (layerCompression) => {
    test("has the configuration and the layers of the docker-archive, as a folder and as an archive", async () => {
      const spec = { layerCompression, config: { Cmd: ["/bin/x"], Labels: { a: "é" } } };
      await using image = await streamLayeredImage(
        { name: "Image", tag: "1", contents: [program], ...spec },
        { store, cache: false },
      );
      const docker = await readImage(image);
      const { digest, size } = await build("folder", spec);
      const archive = await build("archive", spec, { format: "oci-archive" });
      expect(archive.digest).toBe(digest);
      expect(archive.size).toBe(statSync(folder.join("archive")).size);
      for (const read of [await layout("folder"), await readLayout(await unpacked("archive"))]) {
        const [only] = read.images;
        expect(read.images).toHaveLength(1);
        expect(only!.entry.digest).toBe(digest);
        expect(only!.configText).toBe(docker.configText);
        const tars = docker.manifest.Layers.map(
          (name) => docker.members.find((m) => m.header.name === name)!.body,
        );
        expect(only!.layers.map((layer) => sha256(layer))).toEqual(tars.map((tar) => sha256(tar)));
        const { layers, config } = only!.manifest;
        // A layout has no blob that nobody mentions.
        const mentioned = [digest, config.digest, ...layers.map((layer) => layer.digest)];
        expect([...read.blobs].sort()).toEqual([...new Set(mentioned)].sort());
        const suffix = { none: "", gz: "+gzip", zstd: "+zstd" }[layerCompression];
        for (const layer of layers)
          expect(layer.mediaType).toBe(`application/vnd.oci.image.layer.v1.tar${suffix}`);
        expect(size).toBe(only!.entry.size + config.size + layers.reduce((sum, each) => sum + each.size, 0));
      }
    });

    test("has the same bytes every time, for any number of threads, cached digests or not", async () => {
      const spec = { layerCompression };
      await build("one", spec, { format: "oci-archive", jobs: 1, cache: false });
      await build("two", spec, { format: "oci-archive", jobs: 3 });
      await build("three", spec, { format: "oci-archive" });
      const one = readFileSync(folder.join("one"));
      for (const name of ["two", "three"]) expect(readFileSync(folder.join(name)).equals(one)).toBe(true);
      await build("a", spec, { jobs: 1, cache: false });
      await build("b", spec);
      await mustRun("diff", ["-r", folder.join("a"), folder.join("b")]);
      await mustRun("diff", ["-r", folder.join("a"), await unpacked("one")]);
    });
  });

  test("is called by its name, and told by what is known of it and what was asked for", async () => {
    await build("it", {
      created: "2024-02-03T04:05:06Z",
      annotations: { "org.example.note": "ä", "org.opencontainers.image.licenses": "MIT" },
      architecture: "arm64",
      variant: "v8",
    });
    const { entries, images } = await layout("it");
    expect(entries).toEqual([
      {
        ...{ mediaType: expect.any(String), digest: expect.any(String), size: expect.any(Number) },
        platform: { architecture: "arm64", os: "linux", variant: "v8" },
        annotations: {
          "org.opencontainers.image.ref.name": "1",
          "io.containerd.image.name": "docker.io/library/image:1",
        },
      },
    ]);
    expect(images[0]!.manifest.annotations).toEqual({
      "org.opencontainers.image.created": "2024-02-03T04:05:06+00:00",
      "org.example.note": "ä",
      "org.opencontainers.image.licenses": "MIT",
    });
  });

  test("tells of each layer of store paths by what it is made of", async () => {
    await build("it");
    await build("other", { uid: 5 });
    const keys = async (name: string): Promise<(string | undefined)[]> =>
      (await layout(name)).images[0]!.manifest.layers.map((layer) => layer.annotations?.[CONTENT_KEY]);
    const [one, other] = [await keys("it"), await keys("other")];
    expect(one.slice(0, 2)).toEqual([
      expect.stringMatching(/^[0-9a-f]{64}$/),
      expect.stringMatching(/^[0-9a-f]{64}$/),
    ]);
    expect(new Set([...one, ...other].filter(Boolean)).size).toBeGreaterThanOrEqual(4);
  });

  test("neither its annotations nor its compression has a say in a docker-archive, and compression none in the tag", async () => {
    const archives = await Promise.all(
      [{}, { annotations: { a: "b" } }, { layerCompression: "zstd" as const, layerCompressionLevel: 9 }].map(
        async (spec) => {
          await using image = await streamLayeredImage(
            { name: "a", contents: [program], ...spec },
            { store, cache: false },
          );
          return { tag: image.imageTag, configText: (await readImage(image)).configText };
        },
      ),
    );
    expect(new Set(archives.map(({ configText }) => configText)).size).toBe(1);
    expect(archives[2]!.tag).toBe(archives[0]!.tag);
    expect(archives[1]!.tag).not.toBe(archives[0]!.tag);
  });

  test("has blobs of the encoder that is asked for, whatever is remembered of the other", async () => {
    const digests = [];
    for (const layerEncoder of ["libdeflate", "zlib", "libdeflate"] as const) {
      digests.push((await build(`by-${digests.length}`, { layerEncoder })).digest);
      await layout(`by-${digests.length - 1}`);
    }
    expect(digests[2]).toBe(digests[0]);
    expect(digests[1]).not.toBe(digests[0]);
  });

  test("has blobs of a level that is asked for", async () => {
    const sizes: number[] = [];
    for (const level of [1, 9]) {
      sizes.push((await build(`level${level}`, { layerCompressionLevel: level })).size);
      await layout(`level${level}`);
    }
    expect(sizes[1]).toBeLessThan(sizes[0]!);
    for (const bad of [
      { layerCompressionLevel: 13 },
      { layerCompressionLevel: 10, layerEncoder: "zlib" },
      { layerCompression: "none", layerCompressionLevel: 1 },
      { layerCompression: "zstd", layerCompressionLevel: 0 },
      { layerCompressionLevel: 1.5 },
    ] as const) {
      await expect(build("bad", bad)).rejects.toMatchObject({
        code: "ERR_SPEC",
        details: { key: "layerCompressionLevel" },
      });
    }
    const others = [{ layerCompression: "xz" }, { layerEncoder: "pigz" }];
    for (const bad of [{ annotations: { a: 1 } }, { annotations: { "": "a" } }, ...others]) {
      await expect(build("bad", bad as never)).rejects.toMatchObject({ code: "ERR_SPEC" });
    }
    await expect(build("bad", {}, { format: "oci" as never })).rejects.toMatchObject({
      code: "ERR_ARGUMENT",
      details: { argument: "options.format" },
    });
    expect(existsSync(folder.join("bad"))).toBe(false);
  });

  test("is made with nothing compressed or hashed where the cache knows it and the folder has it", async () => {
    await build("it");
    const { compressed } = cache.summary();
    expect(compressed).toBeGreaterThanOrEqual(2);
    const before = readdirSync(folder.join("it/blobs/sha256")).map(
      (name) => statSync(folder.join(`it/blobs/sha256/${name}`)).ino,
    );
    const opened: string[] = [];
    const watched: StoreSource = {
      ...{ url: store.url, vouchesForHashes: true },
      storeDir: (options) => store.storeDir(options),
      closure: (paths, options) => store.closure(paths, options),
      pathFromHashPart: (hash, options) => store.pathFromHashPart(hash, options),
      open: (path) => {
        opened.push(path);
        return store.open(path);
      },
    };
    await build("it", {}, { store: watched });
    expect(opened).not.toContain(library);
    const after = readdirSync(folder.join("it/blobs/sha256")).map(
      (name) => statSync(folder.join(`it/blobs/sha256/${name}`)).ino,
    );
    expect(after).toEqual(before);
    await layout("it");
  });

  test("is not taken for what the cache says where that is wrong, and is right the next time", async () => {
    await build("it");
    for (const inner of readdirSync(folder.join("cache/compressed"))) {
      for (const name of readdirSync(folder.join(`cache/compressed/${inner}`)))
        writeFileSync(folder.join(`cache/compressed/${inner}/${name}`), `sha256:${"0".repeat(64)} 5\n`);
    }
    // One layer after the other is found to be another than it was said to be.
    const layers = cache.summary().compressed;
    for (let tries = 0; tries <= layers && !existsSync(folder.join("new")); tries++) {
      await build("new").catch((error: unknown) => {
        expect(error).toMatchObject({ code: "ERR_DIGEST" });
      });
    }
    await mustRun("diff", ["-r", folder.join("it"), folder.join("new")]);
  });

  describe("into a folder that is there", () => {
    test("is added to a layout, in place of an image of its name", async () => {
      const mine = new Layout(folder.join("it"));
      const other = mine.image({ layers: [await layerOf({ a: "a" })] });
      mine.index([named(other, "other"), named(other, "1")]);
      await build("it");
      await build("it", { tag: "2" });
      await build("it", { name: "another" });
      const { digest } = await build("it", { created: "2024-01-01T00:00:00Z" });
      const { entries, blobs } = await layout("it");
      const names = entries.map(({ annotations = {} }) => [
        annotations["org.opencontainers.image.ref.name"],
        annotations["io.containerd.image.name"],
      ]);
      expect(names).toEqual([
        ["other", undefined],
        ["2", "docker.io/library/image:2"],
        ["1", "docker.io/library/another:1"],
        ["1", "docker.io/library/image:1"],
      ]);
      expect(entries.at(-1)!.digest).toBe(digest);
      expect(blobs).toContain(other.digest);
      expect(readdirSync(folder.join("it")).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
    });

    test("fills an empty one, and refuses what is something else", async () => {
      mkdirSync(folder.join("empty"));
      await build("empty");
      expect((await layout("empty")).images).toHaveLength(1);
      mkdirSync(folder.join("full"));
      writeFileSync(folder.join("full/mine"), "mine");
      writeFileSync(folder.join("file"), "mine");
      for (const name of ["full", "file", "absent/it"]) {
        await expect(build(name)).rejects.toMatchObject({ code: "ERR_FILE_WRITE" });
      }
      expect(readdirSync(folder.join("full"))).toEqual(["mine"]);
      expect(readFileSync(folder.join("file"), "utf8")).toBe("mine");
      new Layout(folder.join("broken"));
      writeFileSync(folder.join("broken/index.json"), "{}");
      await expect(build("broken")).rejects.toMatchObject({ code: "ERR_ARCHIVE" });
      expect(readFileSync(folder.join("broken/index.json"), "utf8")).toBe("{}");
      expect(readdirSync(folder.path).sort()).toEqual(["broken", "cache", "empty", "file", "full"]);
    });
  });

  test.each(["oci-dir", "oci-archive"] as const)(
    "leaves nothing where it was stopped: %s",
    async (format) => {
      mkdirSync(folder.join("tmp"));
      vi.stubEnv("TMPDIR", folder.join("tmp"));
      await build("old");
      const old = readFileSync(folder.join("old/index.json"));
      for (const output of format === "oci-dir" ? ["new", "old"] : ["new"]) {
        for (const at of [1, 2, 3]) {
          const controller = new AbortController();
          const reason = new Error("enough");
          let layers = 0;
          const onProgress = ({ type }: ProgressEvent): void => {
            if (type === "layer" && ++layers === at) controller.abort(reason);
          };
          const spec = { layerCompression: "zstd" as const, tag: "2" };
          await expect(build(output, spec, { format, onProgress, signal: controller.signal })).rejects.toBe(
            reason,
          );
        }
      }
      vi.unstubAllEnvs();
      expect(readdirSync(folder.join("tmp"))).toEqual([]);
      expect(readdirSync(folder.path).sort()).toEqual(["cache", "old", "tmp"]);
      expect(readdirSync(folder.join("old")).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
      expect(readFileSync(folder.join("old/index.json")).equals(old)).toBe(true);
    },
  );

  describe("upon a base", () => {
    test("that lies compressed as wanted passes its blobs on as they are, and names it", async () => {
      const base = new Layout(folder.join("base"));
      const tars = [await layerOf({ one: "1".repeat(9000) }), await layerOf({ two: "2" })];
      // As nothing here would compress them.
      const pack = (tar: Buffer): Buffer => gzipSync(tar, { level: 1 });
      const manifest = base.image({ layers: tars }, pack, "+gzip");
      base.index([named(manifest, "registry.example/base:3")]);
      await build("it", { fromImage: base.folder, architecture: "amd64" });
      const [image] = (await layout("it")).images;
      expect(image!.manifest.layers.slice(0, 2).map(({ digest }) => digest)).toEqual(
        tars.map((tar) => `sha256:${sha256(pack(tar))}`),
      );
      expect(image!.manifest.annotations).toMatchObject({
        "org.opencontainers.image.base.digest": manifest.digest,
        "org.opencontainers.image.base.name": "registry.example/base:3",
      });
      await build("zstd", { fromImage: base.folder, architecture: "amd64", layerCompression: "zstd" });
      const [other] = (await layout("zstd")).images;
      expect(other!.layers.slice(0, 2)).toEqual(tars);
    });

    test("whose blobs are not what they should be is refused", async () => {
      const base = new Layout(folder.join("base"));
      const tar = await layerOf({ one: "1".repeat(9000) });
      base.index([base.image({ layers: [tar] }, (layer) => gzipSync(layer), "+gzip")]);
      const blob = folder.join(`base/blobs/sha256/${sha256(gzipSync(tar))}`);
      const bytes = readFileSync(blob);
      bytes[20]! ^= 1;
      writeFileSync(blob, bytes);
      for (const layerCompression of ["gz", "none"] as const) {
        for (const format of ["oci-dir", "oci-archive"] as const) {
          await expect(
            build(
              "it",
              { fromImage: base.folder, includeStorePaths: false, layerCompression, contents: [] },
              { format },
            ),
          ).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_(DIGEST|ARCHIVE)$/) });
          expect(existsSync(folder.join("it"))).toBe(false);
        }
      }
    });

    test("that is a docker-archive has its layers compressed, and can be written back as it was", async () => {
      const tar = await layerOf({ one: "1" });
      writeFileSync(folder.join("base.tar"), await archiveOf({ layers: [tar], tags: ["b:1"] }));
      await build("it", { fromImage: folder.join("base.tar") });
      const [image] = (await layout("it")).images;
      expect(image!.layers[0]).toEqual(tar);
      expect(image!.manifest.annotations).not.toHaveProperty("org.opencontainers.image.base.digest");
      // And as a base again.
      await using again = await streamLayeredImage(
        { name: "again", fromImage: folder.join("it"), contents: [program] },
        { store, cache: false },
      );
      const { manifest, members } = await readImage(again);
      expect(members.find(({ header }) => header.name === manifest.Layers[0])!.body).toEqual(tar);
    });
  });

  test("may be one of a single layer", async () => {
    const output = folder.join("single");
    const { digest } = await buildImage(
      { name: "single", copyToRoot: [program], layerCompression: "zstd" },
      { store, cache, output, format: "oci-dir" },
    );
    const { images } = await readLayout(output);
    expect(images.map(({ entry, layers }) => [entry.digest, layers.length])).toEqual([[digest, 1]]);
  });
});
