import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import {
  exportImage,
  GraphStore,
  mergeImages,
  pullImage,
  pushImage,
  streamLayeredImage,
} from "../../dist/index.js";
import { openImages } from "../../dist/transports/open.js";
import { runMain } from "../cli/commandLine.js";
import { startImageRegistry } from "../support/imageRegistry.js";
import { configOf, layerOf, Layout, named, OCI, sha256, tarOf } from "../support/images.js";
import { bytesOf, membersOf } from "../support/members.js";
import { manifestAt } from "../builders/push/scene.js";
import { putBlob, putManifest } from "../support/rawRegistry.js";
import { describeWith } from "../support/requirements.js";
import { temporaryFolder } from "../support/temporary.js";

/** As Go writes an image of Docker's that has no layers, and nothing in what may be empty. */
const EMPTY_CONFIG = JSON.stringify({
  architecture: "amd64",
  os: "",
  variant: "",
  config: { Env: null, Cmd: null, Labels: null, ExposedPorts: null, Entrypoint: null, WorkingDir: "" },
  rootfs: { type: "layers", diff_ids: null },
  history: null,
});

/** A docker-archive of it. */
async function emptyArchive(config = EMPTY_CONFIG, entry: object = { Layers: null }): Promise<Buffer> {
  const whole = { Config: "config.json", RepoTags: ["empty:1", ""], ...entry };
  return tarOf([
    { name: "config.json", body: config },
    { name: "manifest.json", body: JSON.stringify([whole]) },
  ]);
}

/** An index's entry for an image without layers. */
function emptyManifest(layout: Layout, layers: unknown, config = EMPTY_CONFIG): Record<string, unknown> {
  const document = {
    schemaVersion: 2,
    mediaType: "",
    config: { ...layout.blob(OCI.config, config), annotations: null, platform: null },
    layers,
    annotations: null,
  };
  return { ...layout.blob(OCI.manifest, JSON.stringify(document)), annotations: null, platform: null };
}

/** Nothing of it is in the images. */
function store(): GraphStore {
  const graph = [{ path: `/nix/store/${"0".repeat(32)}-unused`, narSize: 120, references: [] }];
  return GraphStore.parse(JSON.stringify(graph), "graph");
}

describe("an image without layers", () => {
  test.each([
    ["null for both lists", EMPTY_CONFIG, { Layers: null }],
    ["no word of either", JSON.stringify({ os: "linux", architecture: "amd64", rootfs: null }), {}],
    ["two empty lists", configOf({ layers: [] }), { Layers: [] }],
  ])("is read from a docker-archive that has %s", async (_, config, entry) => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("empty.tar"), await emptyArchive(config, entry));
    using images = await openImages(folder.join("empty.tar"));
    expect(images.images).toMatchObject([
      { references: ["empty:1"], image: { layers: [], platform: { os: "linux", architecture: "amd64" } } },
    ]);
  });

  test.each([["null"], ["[]"], [undefined]])(
    "is read from a layout whose manifest has %s",
    async (layers) => {
      await using folder = await temporaryFolder();
      const layout = new Layout(folder.join("it"));
      layout.index([emptyManifest(layout, layers === undefined ? undefined : JSON.parse(layers))]);
      using images = await openImages(layout.folder);
      expect(images.images).toMatchObject([{ image: { layers: [] }, references: [] }]);
    },
  );

  test("is inspected, merged, exported and built upon", async () => {
    await using folder = await temporaryFolder();
    const file = folder.join("empty.tar");
    writeFileSync(file, await emptyArchive());
    const inspected = await runMain(["inspect", file, "--json"]);
    expect(inspected).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(inspected.stdout.toString())).toMatchObject({
      images: [{ layers: [], architecture: "amd64", os: null }],
    });
    expect((await runMain(["inspect", file])).stdout.toString()).toContain("0 layers, 0 B");

    await using merged = await mergeImages([file]);
    expect(merged.images).toEqual([
      { references: ["empty:1"], configDigest: `sha256:${sha256(EMPTY_CONFIG)}` },
    ]);
    expect((await exportImage(file, { output: folder.join("root.tar") })).size).toBe(10_240);

    const spec = { name: "on-empty", tag: "1", fromImage: file, config: { Env: ["A=b"] } };
    await using built = await streamLayeredImage(spec, { store: store(), cache: false });
    const members = await membersOf(await bytesOf(built.pieces()));
    const config = members.find(({ header }) => /^[0-9a-f]{64}\.json$/.test(header.name))!;
    expect(JSON.parse(config.body.toString())).toMatchObject({ config: { Env: ["A=b"] }, os: "linux" });
  });

  describeWith(["docker-registry", "openssl", "skopeo"], "in a registry", () => {
    test("is pulled and pushed", async () => {
      await using folder = await temporaryFolder();
      await using registry = await startImageRegistry({ plain: true });
      await putBlob(registry.host, "it/empty", EMPTY_CONFIG);
      const size = EMPTY_CONFIG.length;
      const mediaType = "application/vnd.docker.distribution.manifest.v2+json";
      await putManifest(registry.host, "it/empty", "1", {
        ...{ schemaVersion: 2, mediaType, layers: [] },
        config: {
          mediaType: "application/vnd.docker.container.image.v1+json",
          size,
          digest: `sha256:${sha256(EMPTY_CONFIG)}`,
        },
      });
      const output = folder.join("pulled.tar");
      const environment = { HOME: "/nowhere" };
      const pulled = await pullImage(`${registry.host}/it/empty:1`, { output, environment });
      expect(pulled).toMatchObject({ os: "linux", arch: "amd64" });
      const members = await membersOf(readFileSync(output));
      expect(JSON.parse(members.at(-1)!.body.toString())).toMatchObject([{ Layers: [] }]);

      const pushed = await pushImage(output, `${registry.host}/it/again:1`);
      expect(pushed.layers).toEqual([]);
      const { manifest } = await manifestAt(registry.host, "it/again", "1");
      expect(manifest.layers).toEqual([]);
      expect(manifest.config.digest).toBe(`sha256:${sha256(EMPTY_CONFIG)}`);
    });
  });
});

describe("an empty string", () => {
  test("is a platform that an index does not tell, and no reason to pass over an image", async () => {
    await using folder = await temporaryFolder();
    const layout = new Layout(folder.join("it"));
    const layer = await layerOf({ a: "1" });
    const platform = { os: "", architecture: "" };
    layout.index([
      { ...layout.image({ layers: [layer] }), platform },
      { ...layout.image({ layers: [layer], architecture: "arm64" }), platform },
    ]);
    using images = await openImages(layout.folder, { platform: { os: "linux", architecture: "arm64" } });
    expect(images.images.map(({ image }) => image.platform.architecture)).toEqual(["arm64"]);
  });

  test("is a name that an image does not have", async () => {
    await using folder = await temporaryFolder();
    const layout = new Layout(folder.join("it"));
    layout.index([named(layout.image({ layers: [] }), "")]);
    using images = await openImages(layout.folder);
    expect(images.images[0]!.references).toEqual([]);
  });
});

test("an image is added to a layout whose list of manifests is null", async () => {
  await using folder = await temporaryFolder();
  const layout = path.join(folder.path, "layout");
  mkdirSync(layout);
  writeFileSync(path.join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(path.join(layout, "index.json"), '{"schemaVersion":2,"manifests":null}');
  await using built = await streamLayeredImage({ name: "added", tag: "1" }, { store: store(), cache: false });
  await built.writeLayout(layout);
  using images = await openImages(layout);
  expect(images.images).toMatchObject([{ references: ["docker.io/library/added:1"] }]);
});
