import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { formatJson } from "../../dist/bytes/json.js";
import { tarMembers } from "../../dist/tar/members.js";
import { describeImages } from "../../dist/transports/describe.js";
import { openImages } from "../../dist/transports/open.js";
import type { Platform } from "../../dist/image/platform.js";
import { knownConfig } from "../../dist/image/image.js";
import type { OpenedImages } from "../../dist/transports/openedImages.js";
import {
  configOf,
  type Descriptor,
  layerOf,
  Layout,
  named,
  OCI,
  onPlatform,
  sha256,
  archiveOf,
} from "../support/images.js";
import { imageTools } from "../support/imageTools.js";
import { bytesOf } from "../support/members.js";
import { describeWith, testWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";
import { temporaryFolder } from "../support/temporary.js";

async function layersOf({ images }: OpenedImages, image = 0): Promise<Buffer[]> {
  const layers: Buffer[] = [];
  for (const layer of images[image]!.image.layers) {
    const bytes = await bytesOf(layer.open());
    expect(await layer.diffId()).toEqual({ diffId: `sha256:${sha256(bytes)}`, size: bytes.length });
    layers.push(bytes);
  }
  return layers;
}

const arm = (variant?: string): Platform => ({ os: "linux", architecture: "arm", variant });

describe("an OCI layout", async () => {
  const one = await layerOf({ one: "1".repeat(5000) });
  const two = await layerOf({ two: "2" });

  test("is read with its names, its configurations and its layers", async () => {
    await using folder = await temporaryFolder();
    const layout = new Layout(folder.join("it"));
    const parts = { layers: [one, two], config: { Cmd: ["a"] } };
    layout.index([named(layout.image(parts), "registry.example/image:1"), layout.image({ layers: [two] })]);
    using images = await openImages(layout.folder);
    expect(images.images.map(({ references }) => references)).toEqual([["registry.example/image:1"], []]);
    expect(knownConfig(images.images[0]!.image).bytes.toString()).toBe(configOf(parts));
    expect(knownConfig(images.images[0]!.image).digest).toBe(`sha256:${sha256(configOf(parts))}`);
    expect(await layersOf(images)).toEqual([one, two]);
    expect(await layersOf(images)).toEqual([one, two]);
    expect(await layersOf(images, 1)).toEqual([two]);
  });

  test("is read from an archive, plain or compressed", async () => {
    await using folder = await temporaryFolder();
    const layout = new Layout(folder.join("it"));
    layout.index([layout.image({ layers: [one, two] }, gzipSync, "+gzip")]);
    await mustRun("tar", ["-C", layout.folder, "-cf", folder.join("a.tar"), "."]);
    await mustRun("tar", [
      "-C",
      layout.folder,
      "-czf",
      folder.join("a.tar.gz"),
      "index.json",
      "oci-layout",
      "blobs",
    ]);
    for (const name of ["a.tar", "a.tar.gz"]) {
      using images = await openImages(folder.join(name));
      expect(await layersOf(images)).toEqual([one, two]);
    }
  });

  test("has the whole name of an image where it is told, and else the short one", async () => {
    await using folder = await temporaryFolder();
    const layout = new Layout(folder.join("it"));
    const annotations = {
      "org.opencontainers.image.ref.name": "1",
      "io.containerd.image.name": "docker.io/library/it:1",
    };
    layout.index([{ ...layout.image({ layers: [one] }), annotations }]);
    using images = await openImages(layout.folder);
    expect(images.images[0]!.references).toEqual(["docker.io/library/it:1"]);
  });

  test("is described by its blobs as they are stored", async () => {
    await using folder = await temporaryFolder();
    const layout = new Layout(folder.join("it"));
    layout.index([layout.image({ layers: [one], config: { User: "u" } }, gzipSync, "+gzip")]);
    using images = await openImages(layout.folder);
    const packed = gzipSync(one);
    expect(JSON.parse(formatJson(await describeImages(images)))).toEqual({
      images: [
        {
          tags: [],
          digest: `sha256:${sha256(images.images[0]!.image.manifest!.bytes)}`,
          configDigest: knownConfig(images.images[0]!.image).digest,
          architecture: "amd64",
          os: "linux",
          config: { User: "u" },
          layers: [
            {
              digest: `sha256:${sha256(packed)}`,
              diffId: `sha256:${sha256(one)}`,
              size: packed.length,
              mediaType: `${OCI.layer}+gzip`,
            },
          ],
        },
      ],
    });
  });

  testWith(["zstd"], "may have layers that zstd has compressed", async () => {
    await using folder = await temporaryFolder();
    const layout = new Layout(folder.join("it"));
    const { stdout } = await mustRun("zstd", ["-c"], { input: one });
    layout.index([layout.image({ layers: [one] }, () => stdout, "+zstd")]);
    using images = await openImages(layout.folder);
    expect(await layersOf(images)).toEqual([one]);
  });

  test("may have Docker's media types, and none where the content tells", async () => {
    await using folder = await temporaryFolder();
    const layout = new Layout(folder.join("it"));
    const manifest = layout.blob(
      "application/vnd.docker.distribution.manifest.v2+json",
      JSON.stringify({
        config: layout.blob("application/vnd.docker.container.image.v1+json", configOf({ layers: [one] })),
        layers: [layout.blob("application/vnd.docker.image.rootfs.diff.tar.gzip", gzipSync(one))],
      }),
    );
    const list = layout.blob(
      "application/vnd.docker.distribution.manifest.list.v2+json",
      JSON.stringify({ manifests: [onPlatform(manifest, "amd64")] }),
    );
    const { digest, size } = layout.nested([layout.image({ layers: [two] })]);
    layout.index([list, { digest, size }]);
    using images = await openImages(layout.folder);
    expect(await layersOf(images, 0)).toEqual([one]);
    expect(await layersOf(images, 1)).toEqual([two]);
  });

  describe("with images for several platforms", () => {
    const build = (layout: Layout): Descriptor[] => [
      onPlatform(layout.image({ layers: [one], architecture: "amd64" }), "amd64"),
      onPlatform(layout.image({ layers: [two], architecture: "arm64", variant: "v8" }), "arm64", "v8"),
      onPlatform(layout.image({ layers: [one, two], architecture: "arm", variant: "v6" }), "arm", "v6"),
      onPlatform(layout.image({ layers: [two, one], architecture: "arm", variant: "v7" }), "arm", "v7"),
      {
        ...onPlatform(layout.image({ layers: [] }), "unknown"),
        annotations: { "vnd.docker.reference.type": "attestation-manifest" },
      },
    ];
    const wanted: [Platform, string][] = [
      [{ os: "linux", architecture: "amd64" }, "one"],
      [{ os: "linux", architecture: "arm64" }, "two"],
      [{ os: "linux", architecture: "arm64", variant: "v8" }, "two"],
      [arm("v6"), "one two"],
      [arm(), "two one"],
    ];
    const contents = new Map([
      ["one", [one]],
      ["two", [two]],
      ["one two", [one, two]],
      ["two one", [two, one]],
    ]);
    for (const [where, lay] of [
      [
        "in an index of their own",
        (layout: Layout) => layout.index([named(layout.nested(build(layout)), "it:1")]),
      ],
      [
        "in the layout's index",
        (layout: Layout) => layout.index(build(layout).map((each) => named(each, "it:1"))),
      ],
      [
        "of which only their configurations tell",
        (layout: Layout) =>
          layout.index(
            build(layout)
              .slice(0, 4)
              .map(({ digest, size, mediaType }) => named({ digest, size, mediaType }, "it:1")),
          ),
      ],
    ] as const) {
      test(`${where} gives the one that is wanted`, async () => {
        await using folder = await temporaryFolder();
        const layout = new Layout(folder.join("it"));
        lay(layout);
        for (const [platform, layers] of wanted) {
          using images = await openImages(layout.folder, { platform });
          expect(images.images.map(({ references }) => references)).toEqual([["it:1"]]);
          expect(await layersOf(images)).toEqual(contents.get(layers));
        }
        await expect(
          openImages(layout.folder, { platform: { os: "linux", architecture: "riscv64" } }),
        ).rejects.toMatchObject({
          code: "ERR_ARCHIVE",
          message: expect.stringMatching(
            /no image for linux\/riscv64, only for linux\/amd64, linux\/arm64\/v8, linux\/arm\/v6, linux\/arm\/v7$/,
          ),
        });
        await expect(openImages(layout.folder, { platform: arm("v5") })).rejects.toMatchObject({
          code: "ERR_ARCHIVE",
        });
      });
    }

    test("is taken as it is when there is but one, whatever is wanted", async () => {
      await using folder = await temporaryFolder();
      const layout = new Layout(folder.join("it"));
      layout.index([onPlatform(layout.image({ layers: [one], architecture: "s390x" }), "s390x")]);
      using images = await openImages(layout.folder, { platform: arm() });
      expect(await layersOf(images)).toEqual([one]);
    });
  });

  const blobOf = (layout: Layout, { digest }: { readonly digest: string }): string =>
    path.join(layout.folder, "blobs/sha256", digest.slice(7));

  test("is refused where a blob is not what its digest or size says", async () => {
    await using folder = await temporaryFolder();
    for (const [i, change] of (
      [
        (bytes) => Buffer.concat([bytes, Buffer.from(" ")]),
        (bytes) => Buffer.from(bytes.toString().replace("{", "{ ").slice(0, -1)),
      ] as ((bytes: Buffer) => Buffer)[]
    ).entries()) {
      for (const which of ["manifest", "config"]) {
        const layout = new Layout(folder.join(`${which}${String(i)}`));
        const manifest = layout.image({ layers: [one] });
        layout.index([manifest]);
        const config = { digest: `sha256:${sha256(configOf({ layers: [one] }))}` };
        const file = blobOf(layout, which === "manifest" ? manifest : config);
        writeFileSync(file, change(readFileSync(file)));
        await expect(openImages(layout.folder)).rejects.toMatchObject({ code: "ERR_DIGEST" });
      }
    }
  });

  test("is read up to a layer that is not what its digest says, plain or compressed", async () => {
    await using folder = await temporaryFolder();
    for (const [name, compress, suffix] of [
      ["plain", (layer: Buffer) => layer, ""],
      ["packed", gzipSync, "+gzip"],
    ] as const) {
      const layout = new Layout(folder.join(name));
      layout.index([layout.image({ layers: [one, two] }, compress, suffix)]);
      const other = Buffer.from(compress(two));
      const at = other.length > 600 ? 513 : 4; // a byte of the file; the time in gzip's header
      other[at] = (other[at] ?? 0) ^ 1;
      writeFileSync(blobOf(layout, { digest: `sha256:${sha256(compress(two))}` }), other);
      using images = await openImages(layout.folder);
      const [good, bad] = images.images[0]!.image.layers;
      expect(await bytesOf(good!.open())).toEqual(one);
      await expect(bytesOf(bad!.open())).rejects.toMatchObject({
        code: "ERR_DIGEST",
        details: { expected: expect.stringMatching(/^sha256:/), actual: expect.stringMatching(/^sha256:/) },
      });
    }
  });

  test("is refused where a layer unpacks to something else than its diffID says", async () => {
    await using folder = await temporaryFolder();
    const layout = new Layout(folder.join("it"));
    layout.index([layout.image({ layers: [one] }, () => gzipSync(two), "+gzip")]);
    using images = await openImages(layout.folder);
    await expect(bytesOf(images.images[0]!.image.layers[0]!.open())).rejects.toMatchObject({
      code: "ERR_DIGEST",
      details: { expected: `sha256:${sha256(one)}`, actual: `sha256:${sha256(two)}` },
    });
  });

  type Break = (layout: Layout, manifest: Descriptor) => void;
  const manifestWith = (layout: Layout, change: Readonly<Record<string, unknown>>): void => {
    const config = layout.blob(OCI.config, configOf({ layers: [one] }));
    const layers = [layout.blob(OCI.layer, one)];
    layout.index([layout.blob(OCI.manifest, JSON.stringify({ config, layers, ...change }))]);
  };
  test.each<[string, string, Break]>([
    ["no images", "ERR_ARCHIVE", (layout) => layout.index([])],
    [
      "an index that is not JSON",
      "ERR_JSON",
      ({ folder }) => writeFileSync(path.join(folder, "index.json"), "{"),
    ],
    [
      "an index that is a list",
      "ERR_ARCHIVE",
      ({ folder }) => writeFileSync(path.join(folder, "index.json"), "[]"),
    ],
    ["a manifest that is missing", "ERR_ARCHIVE", (layout, manifest) => rmSync(blobOf(layout, manifest))],
    [
      "a digest that leads out of it",
      "ERR_ARCHIVE",
      (layout, manifest) => layout.index([{ ...manifest, digest: "sha256:../../../secret" }]),
    ],
    [
      "a digest of another kind",
      "ERR_ARCHIVE",
      (layout, manifest) => layout.index([{ ...manifest, digest: `sha512:${"0".repeat(128)}` }]),
    ],
    ["a negative size", "ERR_ARCHIVE", (layout, manifest) => layout.index([{ ...manifest, size: -1 }])],
    ["no size", "ERR_ARCHIVE", (layout, manifest) => layout.index([{ ...manifest, size: undefined }])],
    ["another size", "ERR_DIGEST", (layout, manifest) => layout.index([{ ...manifest, size: 7 }])],
    ["an entry that is no descriptor", "ERR_ARCHIVE", (layout) => layout.index([1])],
    ["a manifest without a configuration", "ERR_ARCHIVE", (layout) => manifestWith(layout, { config: null })],
    ["a manifest without layers", "ERR_ARCHIVE", (layout) => manifestWith(layout, { layers: null })],
    ["fewer layers than diffIDs", "ERR_ARCHIVE", (layout) => manifestWith(layout, { layers: [] })],
    [
      "an artifact that is no image",
      "ERR_UNSUPPORTED",
      (layout) =>
        manifestWith(layout, { config: layout.blob("application/vnd.cncf.helm.config.v1+json", "{}") }),
    ],
    [
      "a layer of an unknown type",
      "ERR_UNSUPPORTED",
      (layout) => manifestWith(layout, { layers: [layout.blob(`${OCI.layer}+gzip+encrypted`, "x")] }),
    ],
    [
      "a manifest of an unknown type",
      "ERR_UNSUPPORTED",
      (layout, manifest) => layout.index([{ ...manifest, mediaType: "application/json" }]),
    ],
    [
      "an index in an index in an index, and so on",
      "ERR_ARCHIVE",
      (layout, manifest) => {
        let descriptor = manifest;
        for (let i = 0; i < 20; i++) descriptor = layout.nested([descriptor]);
        layout.index([descriptor]);
      },
    ],
    [
      "indexes that multiply",
      "ERR_ARCHIVE",
      (layout, manifest) => {
        let descriptor = manifest;
        for (let i = 0; i < 6; i++) descriptor = layout.nested(Array.from({ length: 20 }, () => descriptor));
        layout.index([descriptor]);
      },
    ],
    [
      "an index that points to itself",
      "ERR_DIGEST",
      (layout) => {
        const digest = `sha256:${"ab".repeat(32)}`;
        const self = { mediaType: OCI.index, digest, size: 0 };
        const bytes = JSON.stringify({ manifests: [self] });
        writeFileSync(blobOf(layout, self), bytes);
        layout.index([{ ...self, size: bytes.length }]);
      },
    ],
  ])("with %s is refused", async (_, code, change) => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("secret"), "secret");
    const layout = new Layout(folder.join("it"));
    const manifest = layout.image({ layers: [one] });
    layout.index([manifest]);
    change(layout, manifest);
    await expect(openImages(layout.folder)).rejects.toMatchObject({ code });
  });

  test("may have blobs that are links, but neither folders nor pipes", async () => {
    await using folder = await temporaryFolder();
    const layout = new Layout(folder.join("it"));
    const manifest = layout.image({ layers: [one] });
    layout.index([manifest]);
    renameSync(blobOf(layout, manifest), folder.join("elsewhere"));
    symlinkSync(folder.join("elsewhere"), blobOf(layout, manifest));
    (await openImages(layout.folder)).close();
    rmSync(blobOf(layout, manifest));
    mkdirSync(blobOf(layout, manifest));
    await expect(openImages(layout.folder)).rejects.toMatchObject({ code: "ERR_FILE_READ" });
    rmSync(blobOf(layout, manifest), { recursive: true });
    await mustRun("mkfifo", [blobOf(layout, manifest)]);
    await expect(openImages(layout.folder)).rejects.toMatchObject({ code: "ERR_FILE_READ" });
  });
});

describe("what holds no image", () => {
  test("is refused, and it is told what would", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("a.tar"), await layerOf({ a: "1" }));
    for (const each of [folder.path, folder.join("a.tar")]) {
      await expect(openImages(each)).rejects.toMatchObject({
        code: "ERR_ARCHIVE",
        message: `${each} holds no image: it has neither manifest.json nor index.json`,
        hint: expect.stringContaining("docker save"),
      });
    }
    await expect(openImages(folder.join("absent"))).rejects.toMatchObject({ code: "ERR_FILE_READ" });
  });
});

describeWith(["skopeo", "umoci"], "an image that others have written", () => {
  test("is the same in every form that skopeo gives it", async () => {
    await using tools = await imageTools();
    const layers = [await layerOf({ one: "1".repeat(5000) }), await layerOf({ two: "2" })];
    writeFileSync(tools.join("it.tar"), await archiveOf({ layers, tags: ["it:1"], config: { Cmd: ["a"] } }));
    const source = `docker-archive:${tools.join("it.tar")}`;
    const forms: [string, string, string[]][] = [
      ["layout", `oci:${tools.join("layout")}:it:1`, []],
      ["zstd", `oci:${tools.join("zstd")}:it:1`, ["--dest-compress-format", "zstd", "--dest-compress"]],
      ["layout.tar", `oci-archive:${tools.join("layout.tar")}:it:1`, []],
      ["again.tar", `docker-archive:${tools.join("again.tar")}:it:1`, []],
    ];
    for (const [name, destination, options] of forms) {
      await tools.skopeo(["copy", ...options, source, destination]);
      using images = await openImages(tools.join(name));
      expect([name, images.images.map(({ references }) => references)]).toEqual([
        name,
        [[name === "again.tar" ? "docker.io/library/it:1" : "it:1"]],
      ]);
      expect(await layersOf(images)).toEqual(layers);
      const config = knownConfig(images.images[0]!.image).json.get("config");
      expect(formatJson(config ?? null)).toContain('"Cmd": ["a"]');
    }
  });

  test("is read as umoci has changed it", async () => {
    await using tools = await imageTools();
    const layout = tools.join("layout");
    await tools.umoci(["init", "--layout", layout]);
    await tools.umoci(["new", "--image", `${layout}:it`]);
    mkdirSync(tools.join("tree/etc"), { recursive: true });
    writeFileSync(tools.join("tree/etc/file"), "content");
    await tools.umoci(["insert", "--image", `${layout}:it`, tools.join("tree"), "/"]);
    await tools.umoci(["config", "--image", `${layout}:it`, "--config.cmd", "run"]);
    using images = await openImages(layout);
    expect(images.images).toHaveLength(1);
    const [layer] = await layersOf(images);
    // umoci leaves out the last padding and the archive's end, so that GNU tar and bsdtar complain.
    const read = (target: Buffer, length: number, at: number): number =>
      layer!.copy(target, 0, at, at + length);
    const members = [...tarMembers({ size: layer!.length, read }, "it")];
    const file = members.find(({ name }) => name === "etc/file")!;
    expect(layer!.toString("latin1", file.offset, file.offset + file.size)).toBe("content");
    expect(formatJson(knownConfig(images.images[0]!.image).json)).toContain('"Cmd": ["run"]');
  });
});
