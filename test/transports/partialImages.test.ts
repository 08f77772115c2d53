import { existsSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  buildImageIndex,
  exportImage,
  mergeImages,
  planPush,
  pushImage,
  Registries,
} from "../../dist/index.js";
import { runMain } from "../cli/commandLine.js";
import { failureOf } from "../support/failure.js";
import { type ImageRegistry, startImageRegistry } from "../support/imageRegistry.js";
import { configOf, type Descriptor, layerOf, Layout, OCI, onPlatform, sha256 } from "../support/images.js";
import { describeWith } from "../support/requirements.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

const EMPTY = "application/vnd.oci.empty.v1+json";
const FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
const URL_OF_LAYER = "https://nowhere.invalid/layer";

let folder: TemporaryFolder;
let layer: Buffer;
let count = 0;
beforeAll(async () => {
  folder = await temporaryFolder("partial");
  layer = await layerOf({ "etc/file": "1" });
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});
const newLayout = (): Layout => new Layout(folder.join(`layout${String(count++)}`));
const blobOf = (layout: Layout, digest: string): string =>
  path.join(layout.folder, "blobs/sha256", digest.slice("sha256:".length));

/** A manifest that is no image. */
const artifact = (layout: Layout, told: Readonly<Record<string, unknown>>, configType: string): Descriptor =>
  layout.blob(
    OCI.manifest,
    JSON.stringify({
      ...{ schemaVersion: 2, mediaType: OCI.manifest, ...told },
      config: layout.blob(configType, "{}"),
      layers: [layout.blob("application/vnd.dev.cosign.simplesigning.v1+json", "{}")],
    }),
  );

describe("what is no image", () => {
  const SIGNATURE = "application/vnd.dev.cosign.artifact.sig.v1+json";
  const HELM = "application/vnd.cncf.helm.config.v1+json";
  const fill = (layout: Layout): unknown[] => [
    artifact(layout, { artifactType: SIGNATURE }, EMPTY),
    { ...artifact(layout, {}, EMPTY), artifactType: "application/spdx+json" },
    artifact(layout, {}, HELM),
    onPlatform(artifact(layout, { artifactType: SIGNATURE }, OCI.config), "amd64"),
    layout.blob("application/vnd.example.thing+json", "{}"),
  ];

  test("does not stand in the way of the image beside it, whatever is done", async () => {
    const layout = newLayout();
    layout.index([...fill(layout), layout.image({ layers: [layer] })]);
    const configDigest = `sha256:${sha256(configOf({ layers: [layer] }))}`;
    const outcome = await runMain(["inspect", layout.folder, "--json"]);
    expect(JSON.parse(outcome.stdout.toString())).toMatchObject({ images: [{ configDigest }] });
    await exportImage(layout.folder, { output: folder.join("root.tar") });
    await using merged = await mergeImages([layout.folder]);
    expect(merged.images).toEqual([{ references: [], configDigest }]);
    const { platforms } = await buildImageIndex([layout.folder], { output: folder.join("index") });
    expect(platforms).toMatchObject([{ architecture: "amd64" }]);
  });

  test("is told of where there is no image", async () => {
    const layout = newLayout();
    layout.index(fill(layout));
    const error = await failureOf(exportImage(layout.folder, { output: folder.join("none.tar") }));
    expect(error).toMatchObject({
      code: "ERR_UNSUPPORTED",
      message: expect.stringContaining("are no images"),
    });
    for (const type of [SIGNATURE, "application/spdx+json", HELM, "application/vnd.example.thing+json"])
      expect(error.message).toContain(type);
  });
});

describe("an image of a platform whose blobs are not there", () => {
  const lacking = (): Layout => {
    const layout = newLayout();
    const arm = layout.image({ layers: [layer], architecture: "arm64", config: { Cmd: ["arm"] } });
    layout.index([
      layout.nested([onPlatform(layout.image({ layers: [layer] }), "amd64"), onPlatform(arm, "arm64")]),
    ]);
    rmSync(blobOf(layout, arm.digest));
    return layout;
  };

  test("does not stand in the way of one that is asked for", async () => {
    const { folder: layout } = lacking();
    expect(await runMain(["inspect", layout, "--arch", "amd64"])).toMatchObject({ code: 0, stderr: "" });
    await exportImage(layout, { architecture: "amd64", output: folder.join("amd.tar") });
  });

  test("is told of by the name of the blob, and how to ask for another", async () => {
    const { folder: layout } = lacking();
    const indexing = buildImageIndex([layout], { output: folder.join("whole") });
    for (const error of [
      await failureOf(indexing),
      await failureOf(exportImage(layout, { architecture: "arm64", output: folder.join("arm.tar") })),
    ])
      expect(error).toMatchObject({
        code: "ERR_ARCHIVE",
        message: expect.stringMatching(/it has no blobs\/sha256\/[0-9a-f]{64}$/),
        hint: expect.stringContaining("--arch"),
        details: { platforms: ["linux/amd64", "linux/arm64"] },
      });
  });
});

test("a layer whose blob is not there is an error when it is read, and not before", async () => {
  const layout = newLayout();
  layout.index([layout.image({ layers: [layer] })]);
  rmSync(blobOf(layout, `sha256:${sha256(layer)}`));
  expect(await runMain(["inspect", layout.folder])).toMatchObject({ code: 0, stderr: "" });
  expect(await failureOf(exportImage(layout.folder, { output: folder.join("gone.tar") }))).toMatchObject({
    code: "ERR_ARCHIVE",
    message: expect.stringContaining(`it has no blobs/sha256/${sha256(layer)}`),
  });
});

describe("a layer that lies elsewhere", () => {
  const packed = (): Buffer => gzipSync(layer);
  const foreign = (urls: readonly string[] | undefined, isThere = false): Layout => {
    const layout = newLayout();
    const blob = layout.blob(FOREIGN, packed());
    const manifest = {
      ...{ schemaVersion: 2, mediaType: OCI.manifest },
      config: layout.blob(OCI.config, configOf({ layers: [layer] })),
      layers: [{ ...blob, ...(urls && { urls }) }],
    };
    layout.index([layout.blob(OCI.manifest, JSON.stringify(manifest))]);
    if (!isThere) rmSync(blobOf(layout, blob.digest));
    return layout;
  };
  const digest = (): string => `sha256:${sha256(packed())}`;

  test("is shown with its URLs", async () => {
    const layout = foreign([URL_OF_LAYER]);
    const json = await runMain(["inspect", layout.folder, "--json"]);
    expect(JSON.parse(json.stdout.toString())).toMatchObject({
      images: [{ layers: [{ digest: digest(), mediaType: FOREIGN, urls: [URL_OF_LAYER] }] }],
    });
    expect((await runMain(["inspect", layout.folder])).stdout.toString()).toContain(`from ${URL_OF_LAYER}`);
  });

  test("is named in an index as it was, without its bytes", async () => {
    const layout = foreign([URL_OF_LAYER], true);
    const output = folder.join("foreignIndex");
    await buildImageIndex([layout.folder], { output });
    expect(existsSync(path.join(output, "blobs/sha256", digest().slice(7)))).toBe(false);
    const manifests = JSON.parse(readFileSync(path.join(layout.folder, "index.json"), "utf8")) as {
      readonly manifests: readonly Descriptor[];
    };
    expect(existsSync(path.join(output, "blobs/sha256", manifests.manifests[0]!.digest.slice(7)))).toBe(true);
  });

  test("cannot be read where its bytes are not there", async () => {
    const layout = foreign([URL_OF_LAYER]);
    expect(await failureOf(exportImage(layout.folder, { output: folder.join("f.tar") }))).toMatchObject({
      code: "ERR_UNSUPPORTED",
      details: { digest: digest(), urls: [URL_OF_LAYER] },
      hint: expect.stringContaining("docker save"),
    });
    await exportImage(foreign([URL_OF_LAYER], true).folder, { output: folder.join("f.tar") });
  });

  describeWith(["docker-registry", "openssl", "skopeo"], "in a push", () => {
    let registry: ImageRegistry;
    const registries = new Registries({ environment: { HOME: "/nowhere" } });
    beforeAll(async () => {
      registry = await startImageRegistry({ plain: true });
    });
    afterAll(async () => {
      await registries.close();
      await registry[Symbol.asyncDispose]();
    });
    const options = { registries, cache: false } as const;

    test("is not sent; its descriptor is passed on", async () => {
      const layout = foreign([URL_OF_LAYER], true);
      const plan = await planPush(layout.folder, `${registry.host}/it/plan:1`, options);
      expect(plan).toMatchObject({ toSend: 0, layers: [{ digest: digest(), fate: "foreign" }] });
      const { requests } = await registry.during(() =>
        pushImage(layout.folder, `${registry.host}/it/foreign:1`, options).catch((error: unknown) => {
          // Most registries refuse such a manifest.
          expect(error).toMatchObject({ hint: expect.stringContaining("non-distributable") });
        }),
      );
      expect(requests.filter(({ url }) => url.includes(digest()))).toEqual([]);
      expect(requests.some(({ method, url }) => method === "PUT" && url.includes("/manifests/"))).toBe(true);
    });

    test("is refused where it would be sent as another layer, or lies nowhere", async () => {
      const reference = `${registry.host}/it/refused:1`;
      const again = pushImage(foreign([URL_OF_LAYER], true).folder, reference, {
        ...options,
        layerCompression: "none",
      });
      expect(await failureOf(again)).toMatchObject({
        code: "ERR_UNSUPPORTED",
        details: { digest: digest() },
        hint: expect.stringContaining("--layer-compression"),
      });
      expect(await failureOf(pushImage(foreign(undefined).folder, reference, options))).toMatchObject({
        code: "ERR_UNSUPPORTED",
        details: { digest: digest() },
        hint: expect.stringContaining("docker save"),
      });
    });
  });
});
