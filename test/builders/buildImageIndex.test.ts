import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
// Threads are started from compiled files.
import { buildImageIndex, type ImageIndexOptions } from "../../dist/index.js";
import { openImages } from "../../dist/transports/open.js";
import { archiveOf, layerOf, Layout, named, onPlatform, sha256 } from "../support/images.js";
import { bytesOf } from "../support/members.js";
import { readLayout } from "../support/readLayout.js";
import { mustRun } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

describe("an index of images", async () => {
  const one = await layerOf({ one: "1".repeat(5000) });
  const two = await layerOf({ two: "2" });
  const base = await layerOf({ base: "b".repeat(5000) });
  let folder: TemporaryFolder;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  const write = (images: readonly string[], options: Partial<ImageIndexOptions> = {}) =>
    buildImageIndex(images, { output: folder.join("index"), cache: false, ...options });
  async function archive(name: string, architecture: string, layers: Buffer[], variant?: string) {
    const parts = { architecture, layers, tags: ["it:1"], ...(variant !== undefined && { variant }) };
    writeFileSync(folder.join(name), await archiveOf(parts));
    return folder.join(name);
  }

  test("leads to each of them by platform and variant, with layers of several once", async () => {
    const paths = [
      await archive("amd64", "amd64", [base, one]),
      await archive("v6", "arm", [base, two], "v6"),
      await archive("v7", "arm", [base, two], "v7"),
    ];
    const { digest, platforms, size } = await write(paths, { annotations: { a: "b" } });
    const { entries, images, blobs } = await readLayout(folder.join("index"));
    expect(entries).toEqual([
      {
        ...{ mediaType: "application/vnd.oci.image.index.v1+json", digest, size: expect.any(Number) },
        annotations: {
          "org.opencontainers.image.ref.name": "1",
          "io.containerd.image.name": "docker.io/library/it:1",
        },
      },
    ]);
    expect(images.map(({ entry }) => entry.platform)).toEqual([
      { os: "linux", architecture: "amd64" },
      { os: "linux", architecture: "arm", variant: "v6" },
      { os: "linux", architecture: "arm", variant: "v7" },
    ]);
    expect(platforms).toEqual(images.map(({ entry }) => ({ variant: undefined, ...entry.platform })));
    expect(images.map(({ layers }) => layers)).toEqual([
      [base, one],
      [base, two],
      [base, two],
    ]);
    // Three layers, three configurations, three manifests, and the index.
    expect(blobs).toHaveLength(10);
    const sizes = blobs.map(
      (blob) => readFileSync(folder.join("index/blobs", blob.replace(":", "/"))).length,
    );
    expect(size).toBe(sizes.reduce((sum, each) => sum + each, 0));
    expect(
      JSON.parse(readFileSync(folder.join("index/blobs", digest.replace(":", "/")), "utf8")),
    ).toMatchObject({
      annotations: { a: "b" },
    });
    for (const [variant, layers] of [
      ["v6", [base, two]],
      [undefined, [base, two]],
    ] as const) {
      using opened = await openImages(folder.join("index"), {
        platform: { os: "linux", architecture: "arm", variant },
      });
      expect(await Promise.all(opened.images[0]!.image.layers.map((layer) => bytesOf(layer.open())))).toEqual(
        layers,
      );
    }
  });

  test("takes every platform of a layout, manifests and blobs as they are", async () => {
    const layout = new Layout(folder.join("layout"));
    const pack = (layer: Buffer): Buffer => gzipSync(layer, { level: 1 });
    const [amd, arm] = [
      onPlatform(layout.image({ layers: [base, one], architecture: "amd64" }, pack, "+gzip"), "amd64"),
      onPlatform(layout.image({ layers: [two], architecture: "arm64", variant: "v8" }), "arm64", "v8"),
    ] as const;
    layout.index([named(layout.nested([amd, arm]), "it:1")]);
    const s390 = await archive("s390", "s390x", [base]);
    await write([layout.folder, s390], { layerCompression: "none" });
    const { images, blobs } = await readLayout(folder.join("index"));
    expect(images.map(({ entry }) => entry.digest).slice(0, 2)).toEqual([amd.digest, arm.digest]);
    expect(blobs).toContain(`sha256:${sha256(pack(base))}`);
    expect(images[2]!.manifest.layers[0]!.digest).toBe(`sha256:${sha256(base)}`);
  });

  test("takes images with Docker's manifests for OCI images of the same layers", async () => {
    const layout = new Layout(folder.join("layout"));
    const docker = "application/vnd.docker";
    const config = {
      architecture: "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: [`sha256:${sha256(one)}`] },
    };
    const manifest = layout.blob(
      `${docker}.distribution.manifest.v2+json`,
      JSON.stringify({
        schemaVersion: 2,
        config: layout.blob(`${docker}.container.image.v1+json`, JSON.stringify(config)),
        layers: [layout.blob(`${docker}.image.rootfs.diff.tar.gzip`, gzipSync(one, { level: 1 }))],
      }),
    );
    layout.index([manifest]);
    await write([layout.folder]);
    const { images } = await readLayout(folder.join("index"));
    expect(images[0]!.configText).toBe(JSON.stringify(config));
    expect(images[0]!.manifest.layers[0]!.digest).toBe(`sha256:${sha256(gzipSync(one, { level: 1 }))}`);
  });

  test("has the same bytes as an archive, every time, and the name that is asked for", async () => {
    const paths = [await archive("amd64", "amd64", [base, one]), await archive("arm64", "arm64", [base])];
    const reference = "registry.example:5000/other:2";
    for (const name of ["a", "b"]) {
      await write(paths, { output: folder.join(name), format: "oci-archive", reference });
    }
    expect(readFileSync(folder.join("a")).equals(readFileSync(folder.join("b")))).toBe(true);
    await write(paths, { reference });
    await mustRun("mkdir", [folder.join("unpacked")]);
    await mustRun("tar", ["-C", folder.join("unpacked"), "-xf", folder.join("a")]);
    await mustRun("diff", ["-r", folder.join("index"), folder.join("unpacked")]);
    using opened = await openImages(folder.join("a"), { platform: "all" });
    expect(opened.images.map(({ references }) => references)).toEqual([[reference], [reference]]);
  });

  test("is refused for none, for two of one platform, for one of none, and for what is no image", async () => {
    const [amd, other] = [await archive("a", "amd64", [one]), await archive("b", "amd64", [two])];
    const arm = [await archive("c", "arm64", [one]), await archive("d", "arm64", [two], "v8")];
    const nowhere = await archive("e", "", [one]);
    for (const paths of [[], [amd, other], arm, [nowhere]]) {
      await expect(write(paths)).rejects.toMatchObject({ code: "ERR_INDEX" });
    }
    await expect(write([amd, folder.join("absent")])).rejects.toMatchObject({ code: "ERR_FILE_READ" });
    for (const [images, options, argument] of [
      ["a", {}, "images"],
      [[1], {}, "images[0]"],
      [[amd], { output: 1 }, "options.output"],
      [[amd], { format: "docker-archive" }, "options.format"],
      [[amd], { layerCompression: "xz" }, "options.layerCompression"],
    ] as const) {
      await expect(write(images as never, options as never)).rejects.toMatchObject({
        code: "ERR_ARGUMENT",
        details: { argument },
      });
    }
    expect(readdirSync(folder.path).filter((name) => name.startsWith("index"))).toEqual([]);
  });
});
