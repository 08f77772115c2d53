import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { pack } from "tar-stream";
import { describedImage } from "../../dist/image/describedImage.js";
import { knownConfig, type NamedImage } from "../../dist/image/image.js";
import { formatJson } from "../../dist/bytes/json.js";
import type { Layer } from "../../dist/image/layer.js";
import { describeImages } from "../../dist/transports/describe.js";
import { openStoredImages, type StoredOptions } from "../../dist/transports/open.js";
import type { OpenedImages } from "../../dist/transports/openedImages.js";
import { writeDockerArchive } from "../../dist/transports/dockerArchive/write.js";
import { bytesOf, membersOf } from "../support/members.js";
import { testWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

const sha256 = (bytes: string | Buffer): string => createHash("sha256").update(bytes).digest("hex");

interface Item {
  readonly name: string;
  readonly body?: string;
  readonly type?: "file" | "symlink" | "link" | "directory";
  readonly linkname?: string;
}

async function archiveOf(items: readonly Item[]): Promise<Buffer> {
  const packer = pack();
  for (const { name, body = "", type = "file", linkname = "" } of items) {
    packer.entry(type === "file" ? { name } : { name, type, linkname }, body);
  }
  packer.finalize();
  return bytesOf(packer as unknown as AsyncIterable<Uint8Array>);
}

const one = "the first layer ".repeat(1000);
const two = "the second layer";
const configOf = (...layers: string[]): string =>
  JSON.stringify({
    architecture: "arm64",
    os: "linux",
    config: { Cmd: ["x"] },
    rootfs: { type: "layers", diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
  });

/** A good archive, of which tests change single members. */
function good(changes: Readonly<Record<string, string | undefined>> = {}): Item[] {
  const members: Record<string, string | undefined> = {
    "one/layer.tar": one,
    "two/layer.tar": two,
    "config.json": configOf(one, two),
    "manifest.json": JSON.stringify([
      { Config: "config.json", RepoTags: ["image:1", "image:2"], Layers: ["one/layer.tar", "two/layer.tar"] },
    ]),
    ...changes,
  };
  return Object.entries(members).flatMap(([name, body]) => (body === undefined ? [] : [{ name, body }]));
}

function openDockerArchive(path: string, options: StoredOptions = {}): Promise<OpenedImages> {
  return openStoredImages(path, { ...options, archives: "docker" });
}

async function open(folder: TemporaryFolder, items: readonly Item[]): Promise<OpenedImages> {
  writeFileSync(folder.join("image.tar"), await archiveOf(items));
  return openDockerArchive(folder.join("image.tar"));
}

async function layersOf(archive: OpenedImages, image = 0): Promise<string[]> {
  const layers = archive.images[image]!.image.layers;
  return Promise.all(layers.map(async (layer) => (await bytesOf(layer.open())).toString()));
}

describe("a docker-archive", () => {
  test("is read with its names, its configuration and its layers", async () => {
    await using folder = await temporaryFolder();
    using archive = await open(folder, good());
    const [image] = archive.images;
    expect(archive.images).toHaveLength(1);
    expect(image!.references).toEqual(["image:1", "image:2"]);
    expect(knownConfig(image!.image).digest).toBe(`sha256:${sha256(configOf(one, two))}`);
    expect(knownConfig(image!.image).json.get("architecture")).toBe("arm64");
    expect(await layersOf(archive)).toEqual([one, two]);
    expect(await layersOf(archive)).toEqual([one, two]);
    expect(await image!.image.layers[0]!.diffId()).toEqual({
      diffId: `sha256:${sha256(one)}`,
      size: one.length,
    });
  });

  test("is read from gzip, and nothing of it stays on the disk", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("image.tar.gz"), gzipSync(await archiveOf(good())));
    const before = process.env["TMPDIR"];
    process.env["TMPDIR"] = folder.path;
    try {
      using archive = await openDockerArchive(folder.join("image.tar.gz"));
      expect(readdirSync(folder.path)).toEqual(["image.tar.gz"]);
      expect(await layersOf(archive)).toEqual([one, two]);
    } finally {
      if (before === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = before;
    }
  });

  test("may hold several images, and layers that they share once, as links of either kind", async () => {
    await using folder = await temporaryFolder();
    const manifest = [
      { Config: "config.json", RepoTags: ["a:1"], Layers: ["one/layer.tar", "sub/link.tar"] },
      { Config: "config.json", RepoTags: null, Layers: ["hard.tar", "two/layer.tar"] },
    ];
    using archive = await open(folder, [
      ...good({ "manifest.json": JSON.stringify(manifest) }),
      { name: "sub/link.tar", type: "symlink", linkname: "../middle.tar" },
      { name: "middle.tar", type: "symlink", linkname: "two/layer.tar" },
      { name: "hard.tar", type: "link", linkname: "one/layer.tar" },
    ]);
    expect(archive.images.map(({ references }) => references)).toEqual([["a:1"], []]);
    expect(await layersOf(archive, 0)).toEqual([one, two]);
    expect(await layersOf(archive, 1)).toEqual([one, two]);
  });

  test("may have names that begin with a dot and a slash, and later members in place of earlier ones", async () => {
    await using folder = await temporaryFolder();
    const stale = [{ name: "./two/layer.tar", body: "stale" }];
    using archive = await open(folder, [
      ...stale,
      ...good().map((item) => ({ ...item, name: `./${item.name}` })),
    ]);
    expect(await layersOf(archive)).toEqual([one, two]);
  });

  const manifest = (entry: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> => {
    const whole = {
      Config: "config.json",
      RepoTags: [],
      Layers: ["one/layer.tar", "two/layer.tar"],
      ...entry,
    };
    return { "manifest.json": JSON.stringify([whole]) };
  };
  test.each<[string, Readonly<Record<string, string | undefined>>, string, RegExp]>([
    ["no manifest", { "manifest.json": undefined }, "ERR_ARCHIVE", /neither manifest\.json nor index\.json/],
    ["a manifest that is not JSON", { "manifest.json": "{" }, "ERR_JSON", /manifest\.json in .* is not JSON/],
    ["a manifest without images", { "manifest.json": "[]" }, "ERR_ARCHIVE", /lists no image/],
    ["a manifest that is no list", { "manifest.json": "{}" }, "ERR_ARCHIVE", /manifest\.json is not a list/],
    ["a manifest of other things", { "manifest.json": "[1]" }, "ERR_ARCHIVE", /not an object/],
    ["no configuration", { "config.json": undefined }, "ERR_ARCHIVE", /it has no config\.json/],
    [
      "a configuration that is no object",
      { "config.json": "[]" },
      "ERR_ARCHIVE",
      /configuration is not an object/,
    ],
    ["a configuration without layers", { "config.json": "{}" }, "ERR_ARCHIVE", /2 layers but 0 diffIDs/],
    [
      "digests that are no list",
      { "config.json": '{"rootfs":{"diff_ids":{}}}' },
      "ERR_ARCHIVE",
      /diff_ids is not a list/,
    ],
    ["too few digests", { "config.json": configOf(one) }, "ERR_ARCHIVE", /2 layers but 1 diffID$/],
    [
      "a digest of another kind",
      { "config.json": configOf(one, two).replaceAll("sha256", "sha512") },
      "ERR_ARCHIVE",
      /is not a diffID/,
    ],
    ["a layer that is not there", { "two/layer.tar": undefined }, "ERR_ARCHIVE", /it has no two\/layer\.tar/],
    ["no layers", manifest({ Layers: null }), "ERR_ARCHIVE", /0 layers but 2 diffIDs/],
    ["layers that are no list", manifest({ Layers: {} }), "ERR_ARCHIVE", /Layers is not a list/],
    ["layers that are no names", manifest({ Layers: [1, 2] }), "ERR_ARCHIVE", /Layers is not a string/],
    ["a configuration that is no name", manifest({ Config: 1 }), "ERR_ARCHIVE", /Config is not a string/],
  ])("with %s is refused", async (_, changes, code, message) => {
    await using folder = await temporaryFolder();
    await expect(open(folder, good(changes))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  test("whose layer is a folder, or a circle of links, is refused", async () => {
    await using folder = await temporaryFolder();
    for (const replaced of [
      [{ name: "two/layer.tar", type: "directory" }],
      [
        { name: "two/layer.tar", type: "symlink", linkname: "other.tar" },
        { name: "two/other.tar", type: "symlink", linkname: "layer.tar" },
      ],
    ] as const) {
      await expect(
        open(folder, [...good({ "two/layer.tar": undefined }), ...replaced]),
      ).rejects.toMatchObject({
        code: "ERR_ARCHIVE",
      });
    }
  });

  test("that is cut off anywhere is refused", async () => {
    await using folder = await temporaryFolder();
    const whole = await archiveOf(good());
    const end = whole.lastIndexOf("]") + 1; // the rest is padding, and what marks the end
    for (let length = 0; length < end; length += 777) {
      writeFileSync(folder.join("cut.tar"), whole.subarray(0, length));
      await expect(openDockerArchive(folder.join("cut.tar"))).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_(ARCHIVE|JSON)$/),
      });
    }
    const packed = gzipSync(whole);
    for (const length of [5, 100, packed.length - 1]) {
      writeFileSync(folder.join("cut.tar.gz"), packed.subarray(0, length));
      await expect(openDockerArchive(folder.join("cut.tar.gz"))).rejects.toMatchObject({
        code: "ERR_ARCHIVE",
      });
    }
  });

  for (const program of ["zstd", "xz", "bzip2"]) {
    testWith([program], `is read as well where ${program} has compressed it`, async () => {
      await using folder = await temporaryFolder();
      writeFileSync(folder.join("image.tar"), await archiveOf(good()));
      await mustRun(program, ["-k", folder.join("image.tar")]);
      const [packed] = readdirSync(folder.path).filter((name) => name !== "image.tar");
      using archive = await openDockerArchive(folder.join(packed!));
      expect(archive.images).toHaveLength(1);
      const bytes = readFileSync(folder.join(packed!));
      writeFileSync(folder.join("cut"), bytes.subarray(0, -5));
      await expect(openDockerArchive(folder.join("cut"))).rejects.toMatchObject({
        code: "ERR_ARCHIVE",
        cause: { code: "ERR_COMPRESSION" },
      });
    });
  }

  test("that is something else is refused", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("file"), Buffer.from("text ".repeat(1000)));
    await expect(openDockerArchive(folder.join("file"))).rejects.toMatchObject({
      code: "ERR_ARCHIVE",
      details: { path: folder.join("file") },
    });
    for (const [path, code] of [
      [folder.join("absent"), "ERR_FILE_READ"],
      [folder.path, "ERR_ARCHIVE"],
    ]) {
      await expect(openDockerArchive(path!)).rejects.toMatchObject({ code, details: { path } });
    }
  });

  test("stops being read with the signal's reason", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("image.tar"), await archiveOf(good()));
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await expect(openDockerArchive(folder.join("image.tar"), { signal })).rejects.toBe(reason);
  });

  test("that fails to be read has its descriptor closed once, not again when that is another file's", async () => {
    await using folder = await temporaryFolder();
    const whole = await archiveOf(good());
    writeFileSync(folder.join("cut.tar"), whole.subarray(0, 5000));
    writeFileSync(folder.join("image.tar"), whole);
    for (let round = 0; round < 20; round++) {
      await openDockerArchive(folder.join("cut.tar")).catch(() => undefined);
      await openDockerArchive(folder.join("image.tar"), { signal: AbortSignal.abort() }).catch(
        () => undefined,
      );
      const others = Array.from({ length: 3 }, () => openSync(folder.join("image.tar"), "r"));
      await sleep(5);
      for (const other of others) {
        expect(fstatSync(other).size).toBe(whole.length);
        closeSync(other);
      }
    }
  });

  test("cannot be read after it was closed, which may be done twice", async () => {
    await using folder = await temporaryFolder();
    const archive = await open(folder, good());
    archive.close();
    archive.close();
    await expect(layersOf(archive)).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });

  test("is described in facts", async () => {
    await using folder = await temporaryFolder();
    using archive = await open(folder, good());
    expect(JSON.parse(formatJson(await describeImages(archive)))).toEqual({
      images: [
        {
          tags: ["image:1", "image:2"],
          configDigest: `sha256:${sha256(configOf(one, two))}`,
          architecture: "arm64",
          os: "linux",
          config: { Cmd: ["x"] },
          layers: [one, two].map((layer) => ({
            digest: `sha256:${sha256(layer)}`,
            diffId: `sha256:${sha256(layer)}`,
            size: layer.length,
            mediaType: "application/vnd.docker.image.rootfs.diff.tar",
          })),
        },
      ],
    });
  });
});

/** A layer out of a text. */
function textLayer(text: string): Layer {
  return {
    kind: "store",
    sources: [],
    source: { kind: "made", contentKey: undefined },
    diffId: () => Promise.resolve({ diffId: `sha256:${sha256(text)}`, size: text.length }),
    open: async function* () {
      yield Buffer.from(text);
    },
  };
}

describe("an image that is written as a docker-archive", () => {
  const image = (...layers: Layer[]): NamedImage => ({
    image: describedImage({
      config: new Map(),
      architecture: "amd64",
      created: "1970-01-01T00:00:01+00:00",
      layers,
    }),
    references: ["image:1", "image:2"],
  });
  const options = { mtime: 1, baseLayers: "normal" } as const;

  test("is read back as it was", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(
      folder.join("image.tar"),
      await bytesOf(writeDockerArchive(image(textLayer(one), textLayer(two)), options)),
    );
    using archive = await openDockerArchive(folder.join("image.tar"));
    expect(archive.images[0]!.references).toEqual(["image:1", "image:2"]);
    expect(await layersOf(archive)).toEqual([one, two]);
  });

  test("has no manifest where a layer fails, or what is asked at the end", async () => {
    const reason = new Error("no more");
    const failing = {
      ...textLayer(two),
      open: async function* () {
        yield Buffer.from("t");
        throw reason;
      },
    };
    const undone = { ...textLayer(two), diffId: () => Promise.reject(reason) };
    for (const [layer, beforeManifest] of [
      [failing, () => Promise.resolve()],
      [undone, () => Promise.resolve()],
      [textLayer(two), () => Promise.reject(reason)],
    ] as const) {
      const pieces: Buffer[] = [];
      const writing = (async () => {
        for await (const piece of writeDockerArchive(image(textLayer(one), layer), {
          ...options,
          beforeManifest,
        })) {
          pieces.push(Buffer.from(piece));
        }
      })();
      await expect(writing).rejects.toBe(reason);
      expect(Buffer.concat(pieces).includes("manifest.json")).toBe(false);
    }
  });

  test("asks every layer for its digest before it writes the first", async () => {
    const asked: string[] = [];
    const listening = (text: string): Layer => ({
      ...textLayer(text),
      diffId: () => {
        asked.push(text);
        return textLayer(text).diffId();
      },
    });
    const pieces = writeDockerArchive(image(listening("a"), listening("b"), listening("c")), options);
    await pieces.next();
    expect(asked).toEqual(["a", "b", "c"]);
    expect(
      (await membersOf(await bytesOf(writeDockerArchive(image(), options)))).map(({ header }) => header.name),
    ).toHaveLength(2);
  });
});
