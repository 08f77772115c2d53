import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { gunzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
// Threads are started from compiled files.
import {
  buildImage,
  buildImageIndex,
  buildLayeredImage,
  type BuildFileOptions,
  DigestCache,
  type ImageSpec,
  loadImage,
  mergeImages,
  openStore,
  planLayers,
  type ProgressEvent,
  pullImage,
  pushImage,
  type PushImageOptions,
  Registries,
  streamLayeredImage,
} from "../../dist/index.js";
import { runMain } from "../cli/commandLine.js";
import { answering, FaultyProxy } from "../support/faultyProxy.js";
import { type ImageRegistry, startImageRegistry } from "../support/imageRegistry.js";
import { imageTools, type ImageTools } from "../support/imageTools.js";
import { bytesOf } from "../support/members.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { startPodmanEngine } from "../support/podmanEngine.js";
import { type ReadDescriptor, readLayout, type ReadManifest } from "../support/readLayout.js";
import { describeWith, testWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { dumpingStore } from "./dumpingStore.js";
import { storeOf } from "./graphStore.js";

const NIX_LAYER = "containerd.io/snapshot/nix-layer";
const STORE_PATH = "containerd.io/snapshot/nix-store-path.";

let nix: NixStore;
let store: Awaited<ReturnType<typeof openStore>>;
let tools: ImageTools;
/** A regular file. */
let file: string;
/** A link to a folder of the library. */
let link: string;
let library: string;
/** Refers to all of these. */
let program: string;
/** For each test. */
let folder: TemporaryFolder;

const spec = (more: Partial<ImageSpec> = {}): ImageSpec => ({
  ...{ name: "web", tag: "1", contents: [program], config: { Cmd: ["/bin/program"] } },
  ...{ architecture: "amd64", snapshotter: true, ...more },
});

async function layoutOf(
  name: string,
  more: Partial<ImageSpec> = {},
  options: Partial<BuildFileOptions> = {},
): Promise<string> {
  const output = folder.join(name);
  await buildLayeredImage(spec(more), { store, cache: false, output, format: "oci-dir", ...options });
  return output;
}

/** As another program reads it. */
async function manifestOf(image: string): Promise<ReadManifest> {
  const { stdout } = await tools.skopeo(["inspect", "--raw", "--tls-verify=false", image]);
  return JSON.parse(stdout.toString()) as ReadManifest;
}

/** What containerd hands to the snapshotter. */
function mountsOf(layer: ReadDescriptor | undefined): Record<string, string> {
  const all = Object.entries(layer?.annotations ?? {});
  return Object.fromEntries(all.filter(([key]) => key.startsWith("containerd.io/snapshot/")));
}

async function mountedPaths(paths = [program]): Promise<string[]> {
  const closure = await store.closure(paths);
  return closure.paths.filter((path) => path !== link);
}

async function expectedMounts(): Promise<Record<string, string>> {
  const paths = await mountedPaths();
  return { [NIX_LAYER]: "true", ...Object.fromEntries(paths.map((path, i) => [`${STORE_PATH}${i}`, path])) };
}

async function rootTar(layout: string): Promise<Buffer> {
  const { images } = await readLayout(layout);
  return images[0]!.layers.at(-1)!;
}

const warningsOf = (events: readonly ProgressEvent[]): string[] =>
  events.flatMap((event) => (event.type === "warning" ? [event.message] : []));

const LOST = /docker-archive has no annotations.*nix-snapshotter.*--format oci-archive, or push/;

describeWith(["nix-daemon", "nix-store", "skopeo"], "an image for nix-snapshotter", () => {
  beforeAll(async () => {
    tools = await imageTools();
    nix = await startNixStore();
    file = await nix.addTextFile("file", "a file\n");
    library = await nix.addTree("library", (at) => {
      mkdirSync(`${at}/lib`, { recursive: true });
      writeFileSync(`${at}/lib/library`, "a library\n");
    });
    link = await nix.addTree("link", (at) => symlinkSync(`${library}/lib`, at), { references: [library] });
    program = await nix.addTree(
      "program",
      (at) => {
        mkdirSync(`${at}/bin`, { recursive: true });
        writeFileSync(`${at}/bin/program`, [file, link].join("\n"), { mode: 0o755 });
      },
      { references: [file, link] },
    );
    store = await openStore(nix.uri);
  });
  afterAll(async () => {
    await store.close();
    await nix[Symbol.asyncDispose]();
    await tools[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  test("has one layer, with an empty place for each store path, and links as they are", async () => {
    const tar = folder.join("root.tar");
    writeFileSync(tar, await rootTar(await layoutOf("layout")));
    const list = await mustRun("tar", ["-tvf", tar, "--numeric-owner", "--full-time", "--utc"]);
    const members = list.stdout.toString().trimEnd().split("\n");
    const time = "1970-01-01 00:00:01";
    const line = (mode: string, name: string): string => `${mode} 0/0 0 ${time} .${name}`;
    const places = [
      line("-r-xr-xr-x", file),
      line("drwxr-xr-x", `${library}/`),
      `${line("lrwxrwxrwx", link)} -> ${library}/lib`,
      line("drwxr-xr-x", `${program}/`),
    ];
    const normal = members.map((member) => member.replaceAll(/ +/g, " "));
    expect(normal).toEqual(expect.arrayContaining(places));
    const parts = nix.storeDir.split("/").slice(1);
    const parents = parts.map((_, i) => line("drwxr-xr-x", `/${parts.slice(0, i + 1).join("/")}/`));
    expect(normal).toEqual(expect.arrayContaining(parents));
    // Nothing of the store but these; beside it the root's own.
    expect(normal.filter((member) => member.includes(` .${nix.storeDir}/`))).toHaveLength(5);
    expect(normal).toContain(`${line("lrwxrwxrwx", "/bin/program")} -> ${program}/bin/program`);
  });

  testWith(["bsdtar"], "is read by bsdtar as well", async () => {
    const tar = folder.join("root.tar");
    writeFileSync(tar, await rootTar(await layoutOf("layout")));
    const root = folder.join("root");
    mkdirSync(root);
    await mustRun("bsdtar", ["-C", root, "-xpf", tar]);
    for (const path of [library, program]) expect(lstatSync(`${root}${path}`).mode & 0o7777).toBe(0o755);
    expect(lstatSync(`${root}${file}`)).toMatchObject({ size: 0, mode: 0o100555 });
    expect(readlinkSync(`${root}${link}`)).toBe(`${library}/lib`);
  });

  test("names in its manifest what is mounted, in the order of the closure", async () => {
    const layout = await layoutOf("layout");
    const { layers } = await manifestOf(`oci:${layout}:1`);
    expect(layers).toHaveLength(1);
    expect(layers[0]!.mediaType).toBe("application/vnd.oci.image.layer.v1.tar+gzip");
    expect(mountsOf(layers[0])).toEqual(await expectedMounts());
    const archive = folder.join("image.tar");
    await buildLayeredImage(spec(), { store, cache: false, output: archive, format: "oci-archive" });
    expect(await manifestOf(`oci-archive:${archive}:1`)).toEqual(await manifestOf(`oci:${layout}:1`));
  });

  testWith(
    ["umoci", "root", "unshare"],
    "has all its files once each path is mounted in its place",
    async () => {
      const layout = await layoutOf("layout");
      const bundle = folder.join("bundle");
      await tools.umoci(["unpack", "--image", `${layout}:1`, bundle]);
      const root = `${bundle}/rootfs`;
      expect(existsSync(`${root}${program}/bin`)).toBe(false);
      const { layers } = await manifestOf(`oci:${layout}:1`);
      // The snapshotter has them in the order of their keys as strings.
      const paths = Object.entries(mountsOf(layers[0]))
        .filter(([key]) => key.startsWith(STORE_PATH))
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .map(([, path]) => path);
      const script =
        'root=$1; shift; for path; do mount --bind "$path" "$root$path" || exit; done; cat "$root$FILE"; chroot_links=$(readlink "$root$LINK"); cat "$root$chroot_links/library" "$root$PROGRAM/bin/program"';
      const { stdout } = await mustRun(
        "unshare",
        ["--mount", "--propagation", "private", "sh", "-c", script, "sh", root, ...paths],
        { env: { FILE: file, LINK: link, PROGRAM: program } },
      );
      expect(stdout.toString()).toBe(`a file\na library\n${file}\n${link}`);
    },
  );

  test("has the same bytes every time, cached digests or not, on the disk or in NARs", async () => {
    const cache = new DigestCache(folder.join("cache"));
    const dumped: string[] = [];
    const nars = dumpingStore(
      store,
      (path) => path,
      (path) => dumped.push(path),
    );
    const first = await layoutOf("first");
    await layoutOf("second", {}, { cache });
    await layoutOf("third", {}, { cache });
    await layoutOf("fourth", {}, { cache, store: nars });
    await layoutOf("fifth", {}, { store: nars });
    for (const name of ["second", "third", "fourth", "fifth"])
      await mustRun("diff", ["-r", first, folder.join(name)]);
    expect(new Set(dumped)).toEqual(new Set([file, library, link, program]));
  });

  test("is not taken for the image without the places by the cache of digests, nor by its tag", async () => {
    const cache = new DigestCache(folder.join("cache"));
    const tagged = { tag: null };
    const bare = await layoutOf(
      "bare",
      { ...tagged, snapshotter: false, includeStorePaths: false },
      { cache },
    );
    const mounted = await layoutOf("mounted", tagged, { cache });
    const more = await layoutOf("more", { ...tagged, config: { Cmd: [library] } }, { cache });
    const layouts = await Promise.all([bare, mounted, more].map(readLayout));
    const names = layouts.map(({ entries }) => entries[0]!.annotations!["org.opencontainers.image.ref.name"]);
    expect(new Set(names).size).toBe(3);
    const digests = layouts.map(({ images }) => images[0]!.manifest.layers[0]!.digest);
    // The library was in the closure before.
    expect(digests[1]).toBe(digests[2]);
    expect(digests[0]).not.toBe(digests[1]);
    expect(mountsOf(layouts[0]!.images[0]!.manifest.layers[0])).toEqual({});
  });

  test("leaves tags of other images as they were", async () => {
    const made = { name: "web", contents: [program], architecture: "amd64" };
    await using without = await streamLayeredImage(made, { store, cache: false });
    await using said = await streamLayeredImage({ ...made, snapshotter: false }, { store, cache: false });
    expect(said.imageTag).toBe(without.imageTag);
  });

  test("has places for what its commands name, over what the commands made", async () => {
    const extraCommands = `mkdir -p etc .${nix.storeDir}; echo ${library} > etc/library; echo own > .${nix.storeDir}/own`;
    const contents = [{ files: { "/etc/hello": { text: "hello" } } }];
    const layout = await layoutOf("layout", { contents, config: {}, extraCommands });
    const { layers } = await manifestOf(`oci:${layout}:1`);
    expect(mountsOf(layers[0])).toEqual({ [NIX_LAYER]: "true", [`${STORE_PATH}0`]: library });
    const tar = await mustRun("tar", ["-t"], { input: await rootTar(layout) });
    const names = tar.stdout.toString().split("\n");
    for (const name of ["./etc/hello", "./etc/library", `.${library}/`, `.${nix.storeDir}/own`])
      expect(names).toContain(name);
  });

  test("has no annotations without store paths", async () => {
    const contents = [{ files: { "/etc/hello": { text: "hello" } } }];
    const layout = await layoutOf("layout", { contents, config: {} });
    const plain = await layoutOf("plain", { contents, config: {}, snapshotter: false });
    await mustRun("diff", ["-r", layout, plain]);
  });

  test("may be one of a single layer, with the same places", async () => {
    const output = folder.join("single");
    const { contents, ...rest } = spec({ config: { Cmd: [`${program}/bin/program`] } });
    expect(contents).toBeDefined();
    await buildImage({ ...rest, copyToRoot: [program] }, { store, cache: false, output, format: "oci-dir" });
    const { layers } = await manifestOf(`oci:${output}:1`);
    expect(layers).toHaveLength(1);
    expect(mountsOf(layers[0])).toEqual(await expectedMounts());
    const names = (await mustRun("tar", ["-t"], { input: await rootTar(output) })).stdout
      .toString()
      .split("\n");
    expect(names).toEqual(expect.arrayContaining(["./bin/program", `.${program}/`, `.${file}`]));
    expect(names).not.toContain(`.${program}/bin/`);
  });

  test("goes over a base that has some of the store paths: they are mounted over", async () => {
    const base = await layoutOf("base", { contents: [library], snapshotter: false });
    const child = await layoutOf("child", { fromImage: base });
    const { layers } = await manifestOf(`oci:${child}:1`);
    const below = await manifestOf(`oci:${base}:1`);
    expect(layers.slice(0, -1)).toEqual(below.layers);
    expect(mountsOf(layers.at(-1))).toEqual(await expectedMounts());
  });

  test("keeps its annotations as the base of another, however that is packed", async () => {
    const base = await layoutOf("base");
    for (const layerCompression of ["gz", "none"] as const) {
      const child = await layoutOf(layerCompression, {
        ...{ fromImage: base, snapshotter: false, layerCompression },
        contents: [program, { files: { "/etc/hello": { text: "hello" } } }],
      });
      const { layers } = await manifestOf(`oci:${child}:1`);
      // Not in a layer again: it could not be unpacked over what is mounted.
      expect(layers.map(mountsOf)).toEqual([await expectedMounts(), {}]);
    }
  });

  test("has no layers of store paths in its plan, and cannot be asked to have them", async () => {
    expect(await planLayers(spec(), { store })).toMatchObject({ layers: [] });
    const asked = streamLayeredImage(spec({ includeStorePaths: true }), { store });
    await expect(asked).rejects.toMatchObject({ code: "ERR_SPEC", details: { key: "snapshotter" } });
    await using _ = await streamLayeredImage(spec({ includeStorePaths: false }), { store, cache: false });
  });

  test("warns that a docker-archive does not say what to mount", async () => {
    const events: ProgressEvent[] = [];
    const onProgress = (event: ProgressEvent): unknown => events.push(event);
    await using image = await streamLayeredImage(spec(), { store, cache: false, onProgress });
    await bytesOf(image.pieces({ format: "oci-archive" }));
    expect(warningsOf(events)).toEqual([]);
    await bytesOf(image.pieces());
    expect(warningsOf(events)).toEqual([expect.stringMatching(LOST)]);

    events.length = 0;
    const layout = await layoutOf("layout");
    await using merged = await mergeImages([layout], { onProgress });
    await bytesOf(merged.pieces());
    expect(warningsOf(events)).toEqual([expect.stringMatching(LOST)]);
  });

  testWith(["podman"], "is loaded into an engine that mounts nothing with a warning", async () => {
    await using engine = await startPodmanEngine();
    const events: ProgressEvent[] = [];
    const onProgress = (event: ProgressEvent): unknown => events.push(event);
    await loadImage(await layoutOf("layout"), { engine: "podman", host: engine.host, onProgress });
    expect(warningsOf(events)).toEqual([expect.stringMatching(/podman does not mount store paths/)]);
    events.length = 0;
    const plain = await layoutOf("plain", { snapshotter: false });
    await loadImage(plain, { engine: "podman", host: engine.host, onProgress });
    expect(warningsOf(events)).toEqual([]);
  });

  test("is made by a flag of the command line, which warns as well", async () => {
    const output = folder.join("layout");
    const flags = ["--store", nix.uri, "--name", "web", "--tag", "1", "--snapshotter"];
    const made = await runMain(["build", program, ...flags, "--format", "oci-dir", "-o", output]);
    expect(made).toMatchObject({ code: 0 });
    expect(made.stderr).not.toMatch(/nix-snapshotter/);
    const { layers } = await manifestOf(`oci:${output}:1`);
    expect(mountsOf(layers[0])).toEqual(await expectedMounts());
    const streamed = await runMain(["stream", program, ...flags]);
    expect(streamed).toMatchObject({ code: 0, stderr: expect.stringMatching(LOST) });
    const plain = await runMain(["stream", program, ...flags, "--no-snapshotter"]);
    expect(plain).toMatchObject({ code: 0 });
    expect(plain.stderr).not.toMatch(/nix-snapshotter/);
  });

  test("keeps its annotations in an index, built here or read from a layout", async () => {
    const layout = await layoutOf("layout");
    await using arm = await streamLayeredImage(spec({ architecture: "arm64" }), { store, cache: false });
    const output = folder.join("index");
    await buildImageIndex([layout, arm], { output, cache: false });
    const { images } = await readLayout(output);
    expect(images).toHaveLength(2);
    for (const { manifest } of images) expect(mountsOf(manifest.layers[0])).toEqual(await expectedMounts());
  });

  test("of more store paths than a manifest can name is refused before anything is read or written", async () => {
    const path = (i: number): string => `/nix/store/${String(i).padStart(32, "0")}-package-with-a-usual-name`;
    const references = Array.from({ length: 40_000 }, (_, i) => path(i + 1));
    const leaves = references.map((name) => ({ name, narSize: 1, references: [] }));
    // None of them is there.
    const graph = storeOf([...leaves, { name: path(0), narSize: 1, references }]);
    const asked = layoutOf("layout", { contents: [path(0)] }, { store: graph });
    await expect(asked).rejects.toMatchObject({
      code: "ERR_UNSUPPORTED",
      message: expect.stringMatching(/40001 store paths .* registries take 4 MiB/),
      hint: expect.stringMatching(/fewer store paths/),
      details: { paths: 40_001, size: expect.any(Number), limit: 4 << 20 },
    });
    expect(existsSync(folder.join("layout"))).toBe(false);
  });

  describeWith(["docker-registry", "openssl"], "in a registry", () => {
    let registry: ImageRegistry;
    let registries: Registries;
    let count = 0;

    beforeAll(async () => {
      registry = await startImageRegistry({ plain: true });
      registries = new Registries({ environment: { HOME: "/nowhere" } });
    });
    afterAll(async () => {
      await registries.close();
      await registry[Symbol.asyncDispose]();
    });

    const repository = (): string => `${registry.host}/snapshotter/${String(count++)}`;
    const push = async (reference: string, options: PushImageOptions = {}): Promise<string> => {
      await using image = await streamLayeredImage(spec(), { store, cache: false });
      const pushed = await pushImage(image, `${reference}:1`, { registries, cache: false, ...options });
      return pushed.digest;
    };

    test("has its annotations, pushed as it was built, or from a layout, packed anew or not", async () => {
      const layout = await layoutOf("layout");
      const [built, kept, anew] = [repository(), repository(), repository()];
      await push(built);
      await pushImage(layout, `${kept}:1`, { registries });
      await pushImage(layout, `${anew}:1`, { registries, layerCompression: "none" });
      for (const name of [built, kept, anew]) {
        const { layers } = await manifestOf(`docker://${name}:1`);
        expect(mountsOf(layers[0])).toEqual(await expectedMounts());
      }
      expect(await manifestOf(`docker://${kept}:1`)).toEqual(await manifestOf(`oci:${layout}:1`));
    });

    test("is taken over by the next push, annotations and all", async () => {
      const name = repository();
      const first = await push(name);
      await using image = await streamLayeredImage(spec({ created: "2024-01-02T03:04:05Z" }), {
        ...{ store, cache: false },
      });
      const next = await pushImage(image, `${name}:1`, { registries, cache: false });
      expect(next.layers.map(({ fate }) => fate)).toEqual(["unread"]);
      expect(next.digest).not.toBe(first);
      const { layers } = await manifestOf(`docker://${name}:1`);
      expect(mountsOf(layers[0])).toEqual(await expectedMounts());
    });

    test("may stay there as the base of another, which has the store paths from it", async () => {
      const name = repository();
      const digest = await push(name);
      const more = { fromImage: `docker://${name}@${digest}`, snapshotter: false };
      const child = await layoutOf("child", { ...more, contents: [program] }, { registries });
      const { layers } = await manifestOf(`oci:${child}:1`);
      expect(mountsOf(layers[0])).toEqual(await expectedMounts());
      // The link is not mounted, so it is not known to be there.
      const planned = await planLayers({ ...spec(more), contents: [program] }, { store, registries });
      expect(planned.layers.map(({ paths }) => paths)).toEqual([[link]]);
    });

    test("copied back by skopeo has the layer that was made", async () => {
      const name = repository();
      await push(name);
      const copy = folder.join("copy");
      await tools.skopeo([
        "copy",
        "--quiet",
        "--src-tls-verify=false",
        `docker://${name}:1`,
        `oci:${copy}:1`,
      ]);
      const { layers } = await manifestOf(`oci:${copy}:1`);
      const blob = readFileSync(`${copy}/blobs/${layers[0]!.digest.replace(":", "/")}`);
      expect(gunzipSync(blob)).toEqual(await rootTar(await layoutOf("layout")));
      expect(mountsOf(layers[0])).toEqual(await expectedMounts());
    });

    test("is refused with Docker's manifests, before anything is sent", async () => {
      const name = repository();
      const { requests } = await registry.during(async () => {
        await expect(push(name, { manifestFormat: "docker" })).rejects.toMatchObject({
          code: "ERR_UNSUPPORTED",
          message: expect.stringMatching(/Docker's manifests have no annotations/),
          hint: expect.stringMatching(/--manifest-format/),
        });
      });
      expect(requests.filter(({ method }) => !["GET", "HEAD"].includes(method))).toEqual([]);
    });

    test("is not given Docker's manifests where the registry takes no others", async () => {
      await using proxy = await FaultyProxy.start(registry.host);
      const refusal = JSON.stringify({ errors: [{ code: "UNSUPPORTED", message: "unknown media type" }] });
      const refuse = answering(415, { "content-type": "application/json" }, refusal);
      proxy.misbehave = (request, response, it) =>
        request.method === "PUT" && request.url?.includes("/manifests/")
          ? refuse(request, response, it)
          : false;
      const asked = push(`${proxy.host}/snapshotter/${String(count++)}`);
      await expect(asked).rejects.toMatchObject({ code: "ERR_REGISTRY", details: { status: 415 } });
      const manifests = proxy.seen.filter(
        ({ method, url }) => method === "PUT" && url.includes("/manifests/"),
      );
      const types = manifests.map(({ headers }) => headers["content-type"]);
      expect(types).toEqual(["application/vnd.oci.image.manifest.v1+json"]);
    });

    test("is warned of when it is pulled into a docker-archive", async () => {
      const name = repository();
      await push(name);
      const events: ProgressEvent[] = [];
      await pullImage(`${name}:1`, {
        ...{ output: folder.join("pulled.tar"), plainHttp: true, os: "linux", architecture: "amd64" },
        onProgress: (event) => events.push(event),
      });
      expect(warningsOf(events)).toEqual([expect.stringMatching(LOST)]);
    });
  });
});
