import { createWriteStream, readFileSync, writeFileSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { gzipSync } from "node:zlib";
import { GraphStore, type ImageSpec, mergeImages, planLayers, streamLayeredImage } from "laminix";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DockerEngine, startDockerEngine } from "../support/dockerEngine.js";
import {
  archiveItems,
  archiveOf,
  configOf,
  layerOf,
  Layout,
  named,
  onPlatform,
  sha256,
  tarOf,
} from "../support/images.js";
import { imageTools } from "../support/imageTools.js";
import { bytesOf, membersOf } from "../support/members.js";
import { describeWith } from "../support/requirements.js";
import { laminix } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

let folder: TemporaryFolder;
let store: GraphStore;
beforeAll(async () => {
  folder = await temporaryFolder("bases");
  // Nothing of it is in the images: what counts here is what they have from their bases.
  const path = `/nix/store/${"0".repeat(32)}-unused`;
  const graph = [{ path, narHash: `sha256:${"0".repeat(52)}`, narSize: 120, references: [] }];
  writeFileSync(folder.join("graph.json"), JSON.stringify(graph));
  store = GraphStore.read(folder.join("graph.json"));
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

/** Writes an image and gives its file and its name. */
async function build(file: string, spec: ImageSpec): Promise<{ file: string; reference: string }> {
  await using image = await streamLayeredImage(spec, { store, cache: false });
  await pipeline(image.stream(), createWriteStream(folder.join(file)));
  return { file: folder.join(file), reference: `${image.imageName}:${image.imageTag}` };
}

interface Inspected {
  readonly Id: string;
  readonly Architecture: string;
  readonly Config: Readonly<Record<string, unknown>>;
  readonly RootFS: { readonly Layers: readonly string[] };
}

async function load(engine: DockerEngine, file: string): Promise<string> {
  return (await engine.docker(["load", "--input", file])).stdout.toString();
}

async function inspect(engine: DockerEngine, image: string): Promise<Inspected> {
  const { stdout } = await engine.docker(["image", "inspect", image]);
  return (JSON.parse(stdout.toString()) as Inspected[])[0]!;
}

const busybox = async (): Promise<Buffer> =>
  tarOf([
    { name: "bin/", type: "directory" },
    { name: "bin/busybox", mode: 0o755, body: readFileSync("/bin/busybox") },
    { name: "bin/sh", type: "symlink", linkname: "busybox" },
    { name: "bin/cat", type: "symlink", linkname: "busybox" },
  ]);

describeWith(["dockerd"], "an engine", () => {
  let engine: DockerEngine;
  beforeAll(async () => {
    engine = await startDockerEngine();
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
  });

  test("loads twenty images from one archive, each with its ID, its tag and its layers", async () => {
    const shared = await Promise.all(
      Array.from({ length: 6 }, (_, i) => layerOf({ [`shared${String(i)}`]: "x" })),
    );
    const parts = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => ({
        layers: [...shared.slice(i % 3), await layerOf({ own: String(i) })],
        tags: [`merged${String(i)}:1`],
        config: { Cmd: [String(i)] },
      })),
    );
    const files: string[] = [];
    for (const [i, part] of parts.entries()) {
      const archive = await archiveOf(part);
      files.push(folder.join(`merged${String(i)}`));
      writeFileSync(files[i]!, i % 2 === 0 ? archive : gzipSync(archive));
    }
    const out = folder.join("merged.tar.gz");
    const result = await laminix(["merge", ...files, "-o", out]);
    expect(result).toMatchObject({ code: 0, stderr: expect.stringContaining("20 images") });
    const said = await load(engine, out);
    for (const [i, part] of parts.entries()) {
      expect(said).toContain(`merged${String(i)}:1`);
      const image = await inspect(engine, `merged${String(i)}:1`);
      expect(image.Id).toBe(`sha256:${sha256(configOf(part))}`);
      expect(image.RootFS.Layers).toEqual(part.layers.map((layer) => `sha256:${sha256(layer)}`));
    }
    await using merged = await mergeImages(files);
    const members = await membersOf(await bytesOf(merged.pieces()));
    expect(members.filter(({ header }) => header.name.endsWith("layer.tar"))).toHaveLength(26);
  });

  test("loads an image that names the same layer twice, and images without a tag", async () => {
    const layer = await layerOf({ twice: "x" });
    const part = { layers: [layer, layer], tags: null };
    writeFileSync(folder.join("twice.tar"), await archiveOf(part));
    await using merged = await mergeImages([folder.join("twice.tar")]);
    writeFileSync(folder.join("merged-twice.tar"), await bytesOf(merged.pieces()));
    expect(await load(engine, folder.join("merged-twice.tar"))).toContain(sha256(configOf(part)));
  });

  test("has an image on a base of a hundred layers, where as many are allowed", async () => {
    const layers = await Promise.all(
      Array.from({ length: 100 }, (_, i) => layerOf({ [`file${String(i)}`]: String(i) })),
    );
    const base = folder.join("hundred.tar");
    writeFileSync(base, await archiveOf({ layers, tags: ["hundred:1"] }));
    const spec = { name: "on-hundred", tag: "1", fromImage: base };
    await expect(streamLayeredImage(spec, { store })).rejects.toMatchObject({ code: "ERR_LAYER_BUDGET" });
    await expect(planLayers(spec, { store })).rejects.toMatchObject({ code: "ERR_LAYER_BUDGET" });
    const { file } = await build("on-hundred.tar", { ...spec, maxLayers: 127 });
    await load(engine, file);
    const image = await inspect(engine, "on-hundred:1");
    expect(image.RootFS.Layers).toHaveLength(101);
    expect(image.RootFS.Layers.slice(0, 100)).toEqual(layers.map((layer) => `sha256:${sha256(layer)}`));
  });

  test("sees the base's whole configuration, history and platform", async () => {
    const config = {
      Entrypoint: ["/bin/sh"],
      Cmd: ["-c", "id -u"],
      User: "7:8",
      WorkingDir: "/srv",
      StopSignal: "SIGINT",
      Healthcheck: { Test: ["CMD", "true"], Interval: 1_000_000_000 },
      Shell: ["/bin/ash", "-c"],
      Labels: { from: "base", both: "base" },
      Volumes: { "/base": {} },
      ExposedPorts: { "80/tcp": {} },
      Env: ["PATH=/bin", "FROM=base"],
      OnBuild: ["RUN false"],
    };
    const history = [
      { created: "2020-01-01T00:00:00Z", created_by: "the first" },
      { created: "2020-01-01T00:00:00Z", created_by: "none", empty_layer: true },
    ];
    const base = folder.join("whole.tar");
    const part = { layers: [await busybox()], tags: ["whole:1"], config, history };
    writeFileSync(base, await archiveOf({ ...part, architecture: "arm", variant: "v6" }));
    const { file } = await build("on-whole.tar", {
      ...{ name: "on-whole", tag: "1", fromImage: base },
      config: { Labels: { both: "own" }, Volumes: { "/own": {} }, Env: ["OWN=1", "FROM=own"] },
    });
    await load(engine, file);
    const image = await inspect(engine, "on-whole:1");
    const { OnBuild: _, ...kept } = config;
    expect(image.Config).toMatchObject({
      ...kept,
      Labels: { from: "base", both: "own" },
      Volumes: { "/base": {}, "/own": {} },
      Env: ["PATH=/bin", "FROM=own", "OWN=1"],
    });
    expect(image.Config["OnBuild"]).toBeNull();
    expect(image).toMatchObject({ Architecture: "arm", Variant: "v6" });
    const said = await engine.docker(["history", "--no-trunc", "--format", "{{.CreatedBy}}", "on-whole:1"]);
    expect(said.stdout.toString().trim().split("\n").slice(-2)).toEqual(["none", "the first"]);
  });

  test("loads images without layers, and what is built on bases that it would refuse itself", async () => {
    const empty = folder.join("empty.tar");
    const config = JSON.stringify({
      architecture: "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: null },
    });
    const entry = { Config: "config.json", RepoTags: ["empty:1"], Layers: null };
    writeFileSync(
      empty,
      await tarOf([
        { name: "config.json", body: config },
        { name: "manifest.json", body: JSON.stringify([entry]) },
      ]),
    );
    const merged = folder.join("merged-empty.tar");
    expect(await laminix(["merge", empty, "-o", merged])).toMatchObject({ code: 0 });
    expect(await load(engine, merged)).toContain("empty:1");
    expect((await inspect(engine, "empty:1")).Id).toBe(`sha256:${sha256(config)}`);
    const sent = await laminix(["load", empty], { env: { DOCKER_HOST: engine.host } });
    expect(sent).toMatchObject({ code: 0, stdout: Buffer.from("empty:1\n") });
    await load(engine, (await build("on-empty.tar", { name: "on-empty", tag: "1", fromImage: empty })).file);

    const refused = folder.join("refused.tar");
    const part = {
      ...{ layers: [await layerOf({ a: "1" })], tags: ["refused:1"] },
      ...{ config: { Env: "", Volumes: "", User: "" }, history: [{ created: "", created_by: "x" }] },
    };
    writeFileSync(refused, await archiveOf(part));
    await expect(load(engine, refused)).rejects.toThrow();
    await load(
      engine,
      (await build("on-refused.tar", { name: "on-refused", tag: "1", fromImage: refused })).file,
    );
    const said = await engine.docker(["history", "--format", "{{.CreatedBy}}", "on-refused:1"]);
    expect(said.stdout.toString()).toContain("x");
  });

  test("runs what is built on a layout, compressed layers and all, and on what it has saved itself", async () => {
    const layout = new Layout(folder.join("layout"));
    const part = { layers: [await busybox(), await layerOf({ file: "from the base\n" })] };
    const config = { Cmd: ["/bin/cat", "/file"], Env: ["PATH=/bin"] };
    const mine = onPlatform(layout.image({ ...part, config }, gzipSync, "+gzip"), "amd64");
    const other = onPlatform(layout.image({ layers: [], architecture: "s390x" }), "s390x");
    layout.index([named(layout.nested([other, mine]), "registry.example/base:1")]);
    const spec = { name: "on-layout", tag: "1", fromImage: layout.folder, architecture: "amd64" };
    const { file } = await build("on-layout.tar", spec);
    await load(engine, file);
    const run = (image: string): Promise<string> =>
      engine.docker(["run", "--rm", "--network", "none", image]).then(({ stdout }) => stdout.toString());
    expect(await run("on-layout:1")).toBe("from the base\n");

    // Two images that share layers, which Docker writes as links.
    await build("again.tar", { ...spec, name: "again", config: { Labels: { a: "1" } } });
    await load(engine, folder.join("again.tar"));
    const saved = folder.join("saved.tar");
    await engine.docker(["save", "--output", saved, "again:1", "on-layout:1"]);
    const { file: onSaved } = await build("on-saved.tar", { name: "on-saved", tag: "1", fromImage: saved });
    await load(engine, onSaved);
    expect(await run("on-saved:1")).toBe("from the base\n");
    const [below, above] = [await inspect(engine, "on-layout:1"), await inspect(engine, "on-saved:1")];
    expect(above.RootFS.Layers.slice(0, below.RootFS.Layers.length)).toEqual(below.RootFS.Layers);

    await using merged = await mergeImages([saved]);
    expect(merged.images.map(({ references }) => references).sort()).toEqual([["again:1"], ["on-layout:1"]]);
    const ids = [below.Id, (await inspect(engine, "again:1")).Id];
    expect(merged.images.map(({ configDigest }) => configDigest).sort()).toEqual(ids.sort());
  });
});

describeWith(["podman", "skopeo"], "what podman and skopeo have written", () => {
  test("is a base in every format of theirs", async () => {
    await using tools = await imageTools();
    const layers = [await layerOf({ one: "1".repeat(5000) }), await layerOf({ two: "2" })];
    writeFileSync(
      tools.join("it.tar"),
      await archiveOf({ layers, tags: ["registry.example/it:1"], config: { User: "u" } }),
    );
    await tools.podman(["load", "--input", tools.join("it.tar")]);
    for (const format of ["docker-archive", "oci-archive", "oci-dir"]) {
      const saved = tools.join(format);
      await tools.podman(["save", "--format", format, "--output", saved, "registry.example/it:1"]);
      const { file } = await build(`on-${format}.tar`, { name: "on", tag: "1", fromImage: saved });
      const { stdout } = await laminix(["inspect", "--json", file]);
      const [image] = (
        JSON.parse(stdout.toString()) as { images: { layers: { diffId: string }[]; config: unknown }[] }
      ).images;
      expect(image!.config).toMatchObject({ User: "u" });
      expect(image!.layers.slice(0, 2).map(({ diffId }) => diffId)).toEqual(
        layers.map((layer) => `sha256:${sha256(layer)}`),
      );
    }
    expect((await laminix(["inspect", tools.join("oci-dir")])).stdout.toString()).toContain(
      "registry.example/it:1",
    );
  });

  test("is a base where Docker has put the blobs of a layout under its manifest, gzipped", async () => {
    const layers = [await layerOf({ one: "1".repeat(5000) }), await layerOf({ two: "2" })];
    const part = { layers, tags: ["it:1"] };
    const blob = (bytes: string | Buffer): string => `blobs/sha256/${sha256(bytes)}`;
    const packed = layers.map((layer) => gzipSync(layer));
    const manifest = [{ Config: blob(configOf(part)), RepoTags: part.tags, Layers: packed.map(blob) }];
    const bytes = await tarOf([
      { name: "blobs/", type: "directory" },
      ...[configOf(part), ...packed].map((body) => ({ name: blob(body), body })),
      { name: "index.json", body: JSON.stringify({ schemaVersion: 2, manifests: [] }) },
      { name: "manifest.json", body: JSON.stringify(manifest) },
      { name: "oci-layout", body: JSON.stringify({ imageLayoutVersion: "1.0.0" }) },
    ]);
    writeFileSync(folder.join("new.tar"), bytes);
    writeFileSync(folder.join("old.tar"), await tarOf(archiveItems([part])));
    const { file } = await build("on-new.tar", { name: "on", tag: "1", fromImage: folder.join("new.tar") });
    const old = await build("on-old.tar", { name: "on", tag: "1", fromImage: folder.join("old.tar") });
    const bodies = async (each: string): Promise<string[]> =>
      (await membersOf(readFileSync(each)))
        .filter(({ header }) => header.name.endsWith("layer.tar"))
        .map(({ body }) => sha256(body));
    expect(await bodies(file)).toEqual(await bodies(old.file));
    expect((await bodies(file)).slice(0, 2)).toEqual(layers.map((layer) => sha256(layer)));
    const { stdout } = await laminix(["inspect", "--json", folder.join("new.tar")]);
    const [image] = (JSON.parse(stdout.toString()) as { images: { layers: unknown[] }[] }).images;
    expect(image!.layers[0]).toEqual({
      digest: `sha256:${sha256(packed[0]!)}`,
      diffId: `sha256:${sha256(layers[0]!)}`,
      size: packed[0]!.length,
      mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip",
    });
  });
});
