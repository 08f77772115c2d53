import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  buildImageIndex,
  buildLayeredImage,
  fakeNss,
  mergeImages,
  type ProgressEvent,
  Registries,
  validateImage,
  type ValidateOptions,
} from "../../dist/index.js";
import { runMain } from "../cli/commandLine.js";
import { type ImageRegistry, startImageRegistry } from "../support/imageRegistry.js";
import {
  archiveItems,
  archiveOf,
  configOf,
  type Descriptor,
  type Item,
  layerOf,
  Layout,
  named,
  OCI,
  onPlatform,
  sha256,
  tarOf,
} from "../support/images.js";
import { blobIn, loseBlob, replaceBlob } from "../support/registryStorage.js";
import { describeWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";
import { temporaryFolder } from "../support/temporary.js";
import { application } from "./graphStore.js";

const gz = (layer: Buffer): Buffer => gzipSync(layer, { level: 1 });
const blobs = "blobs/sha256/";

const one = await layerOf({ one: "1".repeat(5000) });
const two = await layerOf({ two: "2" });

async function problemsOf(place: string, options: ValidateOptions = {}): Promise<string[]> {
  const { valid, problems } = await validateImage(place, options);
  expect(valid).toBe(problems.length === 0);
  for (const { message } of problems) expect(message).toMatch(/^[^\n]+$/);
  return problems.map(({ code, path: where }) => `${code} ${where}`);
}

interface Documents {
  manifest: Record<string, unknown> & { config?: Descriptor; layers: Descriptor[] };
  config: Record<string, unknown> & { rootfs: { type?: string; diff_ids: string[] } };
  index: Record<string, unknown> & { manifests: Descriptor[] };
}

/** A layout whose documents are right but for what `change` makes of them. */
function layoutWith(folder: string, change: (documents: Documents, layout: Layout) => void): Layout {
  const layout = new Layout(folder);
  const layers = [one, two].map((layer) => layout.blob(`${OCI.layer}+gzip`, gz(layer)));
  const config = JSON.parse(configOf({ layers: [one, two] })) as Documents["config"];
  const manifest: Documents["manifest"] = { schemaVersion: 2, mediaType: OCI.manifest, layers };
  const index: Documents["index"] = { schemaVersion: 2, manifests: [] };
  const documents = { manifest, config, index };
  change(documents, layout);
  manifest.config ??= layout.blob(OCI.config, JSON.stringify(config));
  if (index.manifests.length === 0) index.manifests.push(layout.blob(OCI.manifest, JSON.stringify(manifest)));
  writeFileSync(path.join(folder, "index.json"), JSON.stringify(index));
  return layout;
}

const nameOf = (layer: Buffer): string => `${blobs}${sha256(gz(layer))}`;

describe("an image that is whole", () => {
  test("is valid as a layout, as an archive of one and as a docker-archive, compressed or not", async () => {
    await using folder = await temporaryFolder("validate");
    const layout = new Layout(folder.join("layout"));
    layout.index([named(layout.image({ layers: [one, two] }, gz, "+gzip"), "web:1")]);
    await mustRun("tar", ["-C", layout.folder, "-cf", folder.join("layout.tar"), "."]);
    await mustRun("gzip", ["-k", folder.join("layout.tar")]);
    writeFileSync(folder.join("docker.tar"), await archiveOf({ layers: [one, two], tags: ["web:1"] }));
    for (const name of ["layout", "layout.tar", "layout.tar.gz"])
      expect(await validateImage(folder.join(name))).toEqual({
        valid: true,
        problems: [],
        images: 1,
        blobs: 4,
      });
    const docker = await validateImage(folder.join("docker.tar"));
    expect(docker).toEqual({ valid: true, problems: [], images: 1, blobs: 3 });
  });

  test("is valid for each platform of its index, and others are left alone where one is named", async () => {
    await using folder = await temporaryFolder("validate");
    const layout = new Layout(folder.path);
    const [amd64, arm64] = ["amd64", "arm64"].map((architecture) =>
      onPlatform(layout.image({ layers: [one], architecture }), architecture),
    );
    layout.index([layout.nested([amd64!, arm64!])]);
    expect(await validateImage(folder.path)).toMatchObject({ valid: true, images: 2 });
    rmSync(folder.join(`blobs/${arm64!.digest.replace(":", "/")}`));
    expect(await problemsOf(folder.path)).toEqual([`BLOB_MISSING blobs/${arm64!.digest.replace(":", "/")}`]);
    const platform = { os: "linux", architecture: "amd64" };
    expect(await validateImage(folder.path, { platform })).toMatchObject({ valid: true, images: 1 });
    await expect(
      validateImage(folder.path, { platform: { os: "linux", architecture: "s390x" } }),
    ).rejects.toMatchObject({ code: "ERR_ARCHIVE" });
  });

  test("may have signatures and attestations beside it, and layers that lie elsewhere", async () => {
    await using folder = await temporaryFolder("validate");
    const layout = new Layout(folder.path);
    const foreign = `${OCI.layer.replace("layer.", "layer.nondistributable.")}+gzip`;
    const base = { mediaType: foreign, digest: `sha256:${sha256("elsewhere")}`, size: 9 };
    const config = JSON.parse(configOf({ layers: [one, two] })) as Documents["config"];
    const signature = layout.blob("application/vnd.example.signature", "signed");
    const empty = layout.blob("application/vnd.oci.empty.v1+json", "{}");
    const common = { schemaVersion: 2, mediaType: OCI.manifest };
    layout.index([
      layout.blob(
        OCI.manifest,
        JSON.stringify({
          ...common,
          config: layout.blob(OCI.config, JSON.stringify(config)),
          layers: [base, layout.blob(OCI.layer, two)],
        }),
      ),
      layout.blob(
        OCI.manifest,
        JSON.stringify({
          ...common,
          artifactType: "application/vnd.example",
          config: empty,
          layers: [signature],
        }),
      ),
    ]);
    expect(await validateImage(folder.path)).toMatchObject({ valid: true, problems: [], images: 1 });
    writeFileSync(folder.join(`blobs/${signature.digest.replace(":", "/")}`), "forged");
    expect(await problemsOf(folder.path)).toEqual([
      `BLOB_DIGEST blobs/${signature.digest.replace(":", "/")}`,
    ]);
  });
});

describe("what is made here is valid", () => {
  test("as an archive, as an OCI layout, and in an index or one archive with others", async () => {
    await using folder = await temporaryFolder("validate");
    const build = async (
      name: string,
      format: "docker-archive" | "oci-archive" | "oci-dir",
    ): Promise<void> => {
      const spec = { name: "web", tag: "1", architecture: name, contents: [fakeNss()] };
      const output = folder.join(`${name}-${format}`);
      await buildLayeredImage(spec, { store: application, output, format, cache: false });
      expect(await validateImage(output)).toMatchObject({ valid: true, problems: [], images: 1 });
    };
    for (const format of ["docker-archive", "oci-archive", "oci-dir"] as const) await build("amd64", format);
    await build("arm64", "oci-dir");
    const all = ["amd64-docker-archive", "arm64-oci-dir"].map((name) => folder.join(name));
    await buildImageIndex(all, { output: folder.join("index") });
    expect(await validateImage(folder.join("index"))).toMatchObject({ valid: true, problems: [], images: 2 });
    await using merged = await mergeImages(all);
    await writeFile(folder.join("merged"), merged.stream());
    const { valid, images } = await validateImage(folder.join("merged"));
    expect({ valid, images }).toEqual({ valid: true, images: 2 });
  });
});

describe("a layout's problem", () => {
  test.each<[string, (layout: Layout) => void, readonly string[]]>([
    ["no oci-layout", ({ folder }) => rmSync(path.join(folder, "oci-layout")), ["LAYOUT_MISSING oci-layout"]],
    [
      "another version",
      ({ folder }) => writeFileSync(path.join(folder, "oci-layout"), '{"imageLayoutVersion":"2.0.0"}'),
      ["LAYOUT_VERSION oci-layout"],
    ],
    ["no index", ({ folder }) => rmSync(path.join(folder, "index.json")), ["INDEX_MISSING index.json"]],
    [
      "an index that is no JSON",
      ({ folder }) => writeFileSync(path.join(folder, "index.json"), "{"),
      ["JSON_INVALID index.json", "SCHEMA_VERSION index.json"],
    ],
    [
      "a missing layer",
      ({ folder }) => rmSync(path.join(folder, nameOf(one))),
      [`BLOB_MISSING ${nameOf(one)}`],
    ],
    [
      "a layer that was cut off",
      ({ folder }) => writeFileSync(path.join(folder, nameOf(one)), gz(one).subarray(1)),
      [`BLOB_SIZE ${nameOf(one)}`, `BLOB_DIGEST ${nameOf(one)}`],
    ],
    [
      "two damaged layers",
      ({ folder }) => {
        for (const layer of [one, two]) {
          const bytes = readFileSync(path.join(folder, nameOf(layer)));
          bytes[20]! ^= 1;
          writeFileSync(path.join(folder, nameOf(layer)), bytes);
        }
      },
      [`BLOB_DIGEST ${nameOf(one)}`, `BLOB_DIGEST ${nameOf(two)}`],
    ],
  ])("%s", async (_, damage, expected) => {
    await using folder = await temporaryFolder("validate");
    const layout = layoutWith(folder.path, () => undefined);
    expect(await problemsOf(folder.path)).toEqual([]);
    damage(layout);
    expect(await problemsOf(folder.path)).toEqual(expected);
  });

  const configName = (folder: string): string => {
    const read = (name: string): string => readFileSync(path.join(folder, name), "utf8");
    const [entry] = (JSON.parse(read("index.json")) as Documents["index"]).manifests;
    const manifest = JSON.parse(read(`blobs/${entry!.digest.replace(":", "/")}`)) as Documents["manifest"];
    return `blobs/${manifest.config!.digest.replace(":", "/")}`;
  };
  const CONFIG = "the configuration";
  const MANIFEST = "the manifest";

  test.each<[string, (documents: Documents, layout: Layout) => void, readonly string[]]>([
    [
      "a diffID too many",
      ({ config }) => config.rootfs.diff_ids.push(config.rootfs.diff_ids[0]!),
      [`DIFF_ID_COUNT ${CONFIG}`],
    ],
    [
      "diffIDs in another order",
      ({ config }) => config.rootfs.diff_ids.reverse(),
      [`DIFF_ID ${nameOf(one)}`, `DIFF_ID ${nameOf(two)}`],
    ],
    [
      "diffIDs that are none",
      ({ config }) => config.rootfs.diff_ids.fill("sha256:0"),
      [`CONFIG_INVALID ${CONFIG}`],
    ],
    ["no architecture", ({ config }) => delete config.architecture, [`CONFIG_INVALID ${CONFIG}`]],
    ["another type of root", ({ config }) => (config.rootfs.type = "tree"), [`CONFIG_INVALID ${CONFIG}`]],
    ["a history of other layers", ({ config }) => (config.history = [{}, {}, {}]), [`HISTORY ${CONFIG}`]],
    [
      "a history whose entries are not all of layers",
      ({ config }) => (config.history = [{}, { empty_layer: true }, {}]),
      [],
    ],
    [
      "a schema of another version",
      ({ manifest }) => (manifest.schemaVersion = 1),
      [`SCHEMA_VERSION ${MANIFEST}`],
    ],
    [
      "another media type in the manifest",
      ({ manifest }) => (manifest.mediaType = OCI.index),
      [`MEDIA_TYPE ${MANIFEST}`],
    ],
    [
      "a media type that is not the compression's",
      ({ manifest }) => (manifest.layers[0] = { ...manifest.layers[0]!, mediaType: OCI.layer }),
      [`COMPRESSION ${nameOf(one)}`],
    ],
    [
      "a layer of an unknown type",
      ({ manifest }) => (manifest.layers[0] = { ...manifest.layers[0]!, mediaType: "text/plain" }),
      [`MEDIA_TYPE ${MANIFEST}`],
    ],
    [
      "a configuration of an unknown type",
      ({ manifest, config }, layout) => (manifest.config = layout.blob("text/plain", JSON.stringify(config))),
      [`MEDIA_TYPE ${MANIFEST}`],
    ],
    [
      "a size that is not the layer's",
      ({ manifest }) => (manifest.layers[1] = { ...manifest.layers[1]!, size: 1 }),
      [`BLOB_SIZE ${nameOf(two)}`],
    ],
    [
      "a configuration that is not there, and a layer that is damaged",
      ({ manifest }, { folder }) => {
        manifest.config = { mediaType: OCI.config, digest: `sha256:${sha256("none")}`, size: 4 };
        writeFileSync(path.join(folder, nameOf(two)), "");
      },
      [`BLOB_MISSING ${CONFIG}`, `BLOB_SIZE ${nameOf(two)}`, `BLOB_DIGEST ${nameOf(two)}`],
    ],
    [
      "a descriptor without a size",
      ({ manifest }) => (manifest.layers[1] = { ...manifest.layers[1]!, size: -1 }),
      [`DESCRIPTOR_INVALID ${MANIFEST}`],
    ],
    [
      "a layer that is no tar",
      ({ manifest, config }, layout) => {
        manifest.layers[0] = layout.blob(`${OCI.layer}+gzip`, gz(Buffer.alloc(1024, "x")));
        config.rootfs.diff_ids[0] = `sha256:${sha256(Buffer.alloc(1024, "x"))}`;
      },
      ["TAR_INVALID the layer"],
    ],
    [
      "a layer that cannot be unpacked",
      ({ manifest }, layout) =>
        (manifest.layers[0] = layout.blob(`${OCI.layer}+gzip`, gz(one).subarray(0, 40))),
      ["COMPRESSION the layer"],
    ],
  ])("%s", async (_, change, expected) => {
    await using folder = await temporaryFolder("validate");
    let layer = "";
    layoutWith(folder.path, (documents, layout) => {
      change(documents, layout);
      layer = `blobs/${documents.manifest.layers[0]!.digest.replace(":", "/")}`;
    });
    const [entry] = (JSON.parse(readFileSync(folder.join("index.json"), "utf8")) as Documents["index"])
      .manifests;
    const manifest = `blobs/${entry!.digest.replace(":", "/")}`;
    const names: Record<string, string> = {
      [CONFIG]: configName(folder.path),
      [MANIFEST]: manifest,
      "the layer": layer,
    };
    const named = expected.map((text) => {
      const [code = "", ...rest] = text.split(" ");
      return `${code} ${names[rest.join(" ")] ?? rest.join(" ")}`;
    });
    expect([...new Set(await problemsOf(folder.path))]).toEqual(named);
  });

  test("a platform in the index that is not the configuration's", async () => {
    await using folder = await temporaryFolder("validate");
    const layout = new Layout(folder.path);
    const parts = { layers: [one], architecture: "arm", variant: "v7" };
    const image = layout.image(parts);
    const config = `${blobs}${sha256(configOf(parts))}`;
    layout.index([onPlatform(image, "arm", "v6")]);
    expect(await problemsOf(folder.path)).toEqual([`PLATFORM ${config}`]);
    layout.index([onPlatform(image, "arm64")]);
    expect(await problemsOf(folder.path)).toEqual([`PLATFORM ${config}`]);
    layout.index([onPlatform(image, "arm"), onPlatform(image, "arm", "v7")]);
    expect(await problemsOf(folder.path)).toEqual([]);
  });

  test("entries that are listed twice, and names that are malformed or those of two images", async () => {
    await using folder = await temporaryFolder("validate");
    const layout = new Layout(folder.path);
    const image = layout.image({ layers: [one] });
    const other = layout.image({ layers: [two] });
    layout.index([image, image]);
    expect(await problemsOf(folder.path)).toEqual(["DUPLICATE_ENTRY index.json"]);
    layout.index([named(image, "1"), named(other, "1")]);
    expect(await problemsOf(folder.path)).toEqual(["REFERENCE_DUPLICATE index.json"]);
    layout.index([named(image, "a b"), { ...other, annotations: { "io.containerd.image.name": "A:1" } }]);
    expect(await problemsOf(folder.path)).toEqual([
      "REFERENCE_INVALID index.json",
      "REFERENCE_INVALID index.json",
    ]);
  });
});

describe("a docker-archive's problem", () => {
  const parts = { layers: [one, two], tags: ["web:1"] };
  const configName = `${sha256(configOf(parts))}.json`;
  const layerName = (layer: Buffer): string => `${sha256(layer)}/layer.tar`;
  const replaced = (items: Item[], name: string, body: string | Buffer): Item[] =>
    items.map((item) => (item.name === name ? { name, body } : item));

  test.each<[string, (items: Item[]) => Item[], readonly string[]]>([
    [
      "a missing layer",
      (items) => items.filter(({ name }) => name !== layerName(one)),
      ["MEMBER_MISSING manifest.json"],
    ],
    [
      "a missing configuration",
      (items) => items.filter(({ name }) => name !== configName),
      ["MEMBER_MISSING manifest.json"],
    ],
    ["another layer", (items) => replaced(items, layerName(one), two), [`DIFF_ID ${layerName(one)}`]],
    [
      "a layer that is no tar",
      (items) => replaced(items, layerName(one), Buffer.alloc(1024, "x")),
      [`TAR_INVALID ${layerName(one)}`, `DIFF_ID ${layerName(one)}`],
    ],
    [
      "another configuration",
      (items) => replaced(items, configName, configOf({ layers: [one, two], architecture: "arm64" })),
      [`BLOB_DIGEST ${configName}`],
    ],
    [
      "a manifest of no images",
      (items) => replaced(items, "manifest.json", "[]"),
      ["JSON_INVALID manifest.json"],
    ],
    [
      "a manifest that is no JSON",
      (items) => replaced(items, "manifest.json", "["),
      ["JSON_INVALID manifest.json"],
    ],
    [
      "names that are malformed, and repositories that are",
      (items) => [
        ...items.map((item) =>
          item.name === "manifest.json" ? { ...item, body: String(item.body).replace("web:1", "web") } : item,
        ),
        { name: "repositories", body: '{"Web":{"1":"x"}}' },
      ],
      ["REFERENCE_INVALID manifest.json", "REFERENCE_INVALID repositories"],
    ],
  ])("%s", async (_, damage, expected) => {
    await using folder = await temporaryFolder("validate");
    writeFileSync(folder.join("it.tar"), await tarOf(damage(archiveItems([parts]))));
    expect(await problemsOf(folder.join("it.tar"))).toEqual(expected);
  });

  test("a tag of two images", async () => {
    await using folder = await temporaryFolder("validate");
    writeFileSync(folder.join("it.tar"), await archiveOf(parts, { layers: [two], tags: ["web:1"] }));
    expect(await problemsOf(folder.join("it.tar"))).toEqual(["REFERENCE_DUPLICATE manifest.json"]);
  });
});

describe("validating", () => {
  test("lists a thousand problems and says that there are more", async () => {
    await using folder = await temporaryFolder("validate");
    const layout = new Layout(folder.path);
    layout.index(
      Array.from({ length: 1500 }, (_, i) => ({
        mediaType: OCI.manifest,
        digest: `sha256:${sha256(String(i))}`,
        size: i,
      })),
    );
    const { problems } = await validateImage(folder.path);
    expect(problems).toHaveLength(1001);
    expect(problems.at(-1)).toMatchObject({ code: "TOO_MANY_PROBLEMS" });
  });

  test("unpacks no more than it may, and stops when it is told to", async () => {
    await using folder = await temporaryFolder("validate");
    layoutWith(folder.path, () => undefined);
    await expect(validateImage(folder.path, { maxUnpacked: 1000 })).rejects.toMatchObject({
      code: "ERR_ARCHIVE",
      details: { limit: 1000 },
    });
    const controller = new AbortController();
    const events: ProgressEvent[] = [];
    const onProgress = (event: ProgressEvent): void => {
      events.push(event);
      controller.abort(new Error("enough"));
    };
    await expect(validateImage(folder.path, { onProgress, signal: controller.signal })).rejects.toThrow(
      "enough",
    );
    expect(events).toMatchObject([{ type: "layer", index: 0, count: 2, diffId: `sha256:${sha256(one)}` }]);
  });

  test("unpacks a layer once, though both documents of an archive lead to it", async () => {
    await using folder = await temporaryFolder("validate");
    const large = await layerOf({ large: "x".repeat(1 << 20) });
    const image = { layers: [large] };
    const layout = new Layout(folder.join("layout"));
    layout.index([layout.image(image, gz, "+gzip")]);
    const [Config, layer] = [configOf(image), gz(large)].map((blob) => `${blobs}${sha256(blob)}`);
    const manifest = [{ Config, RepoTags: null, Layers: [layer] }];
    writeFileSync(path.join(layout.folder, "manifest.json"), JSON.stringify(manifest));
    await mustRun("tar", ["-C", layout.folder, "-cf", folder.join("both.tar"), "."]);
    const maxUnpacked = large.length * 1.5;
    const checked = await validateImage(folder.join("both.tar"), { maxUnpacked: Math.floor(maxUnpacked) });
    expect(checked).toEqual({ valid: true, problems: [], images: 1, blobs: 3 });
  });

  test("refuses what holds no image", async () => {
    await using folder = await temporaryFolder("validate");
    writeFileSync(folder.join("it.tar"), await layerOf({ one: "1" }));
    for (const place of [folder.path, folder.join("it.tar")])
      await expect(validateImage(place)).rejects.toMatchObject({ code: "ERR_ARCHIVE" });
    const empty = new Layout(folder.join("empty"));
    empty.index([]);
    await expect(validateImage(empty.folder)).rejects.toMatchObject({ code: "ERR_ARCHIVE" });
    await expect(validateImage(folder.join("none"))).rejects.toMatchObject({ code: "ERR_FILE_READ" });
  });
});

describe("laminix validate", () => {
  test("ends with 0 for an image that is whole, and with 1 and the problems for another", async () => {
    await using folder = await temporaryFolder("validate");
    const layout = layoutWith(folder.path, () => undefined);
    const good = await runMain(["validate", folder.path]);
    expect([good.code, good.stdout.toString()]).toEqual([0, "valid: 4 blobs, 1 image\n"]);
    const json = await runMain(["validate", folder.path, "--json"]);
    expect(JSON.parse(json.stdout.toString())).toEqual({ valid: true, problems: [], warnings: [] });
    rmSync(path.join(layout.folder, nameOf(one)));
    const bad = await runMain(["validate", folder.path, "--json", "--quiet"]);
    expect(bad.code).toBe(1);
    const problems = [{ code: "BLOB_MISSING", path: nameOf(one), message: "it is not there" }];
    expect(JSON.parse(bad.stdout.toString())).toEqual({ valid: false, problems, warnings: [] });
    expect(JSON.parse(bad.stderr)).toMatchObject({ error: { code: "ERR_NOT_VALID" } });
    const text = await runMain(["validate", folder.path]);
    expect(text.stdout.toString()).toBe(`BLOB_MISSING  ${nameOf(one)}  it is not there\n`);
    expect(text.stderr).toContain("is not valid: 1 problem");
  });
});

describeWith(["docker-registry", "skopeo", "openssl"], "an image in a registry", () => {
  let registry: ImageRegistry;
  beforeAll(async () => {
    registry = await startImageRegistry({ plain: true });
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  test("is validated where it lies", async () => {
    await using folder = await temporaryFolder("validate");
    writeFileSync(folder.join("it.tar"), await archiveOf({ layers: [one, two], tags: ["web:1"] }));
    const digest = await registry.push(folder.join("it.tar"), "web");
    await using registries = new Registries();
    const place = `docker://${registry.host}/web@${digest}`;
    expect(await validateImage(place, { registries })).toMatchObject({ valid: true, images: 1, blobs: 4 });
    const at = (blob: string): string => `${registry.host}/web@${blob}`;
    const manifest = JSON.parse(blobIn(registry.storage, digest).toString()) as Documents["manifest"];
    const [lower, upper] = manifest.layers.map((layer) => layer.digest) as [string, string];
    const bytes = blobIn(registry.storage, lower);
    bytes[20]! ^= 1;
    replaceBlob(registry.storage, lower, bytes);
    expect(await problemsOf(place, { registries })).toEqual([`BLOB_DIGEST ${at(lower)}`]);
    replaceBlob(registry.storage, upper, Buffer.concat([blobIn(registry.storage, upper), bytes]));
    loseBlob(registry.storage, manifest.config!.digest);
    expect(await problemsOf(place, { registries })).toEqual([
      `BLOB_MISSING ${at(manifest.config!.digest)}`,
      `BLOB_DIGEST ${at(lower)}`,
      `BLOB_SIZE ${at(upper)}`,
    ]);
  });

  test("that is not there is an error", async () => {
    await expect(validateImage(`docker://${registry.host}/none:1`)).rejects.toMatchObject({
      code: "ERR_REGISTRY",
      details: { status: 404 },
    });
  });
});
