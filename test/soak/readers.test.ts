/** Bytes and documents that strangers write: images, NARs, tars. Each is read, or refused with a code. */
import { writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, test } from "vitest";
import { readNar } from "../../dist/nar/read.js";
import { verifyNar } from "../../dist/nar/verify.js";
import { historyOf, storeLayersInHistory, storePathsInHistory } from "../../dist/image/history.js";
import { inheritConfig, inheritHistory } from "../../dist/image/inherit.js";
import { describedImage } from "../../dist/image/describedImage.js";
import { isObject, type Json, parseJson } from "../../dist/bytes/json.js";
import { tarMembers } from "../../dist/tar/members.js";
import { readDescriptor } from "../../dist/manifests/descriptor.js";
import { describeImages } from "../../dist/transports/describe.js";
import { ImageJson } from "../../dist/manifests/imageJson.js";
import { ManifestReader } from "../../dist/manifests/manifestReader.js";
import { openImages } from "../../dist/transports/open.js";
import { OuterArchive } from "../../dist/transports/outerArchive.js";
import { platformOf } from "../../dist/manifests/platform.js";
import type { Layer } from "../../dist/image/layer.js";
import { applyLayer, emptyRoot } from "../../dist/tree/apply.js";
import { answersNowOrIsCoded, answersOrIsCoded } from "../support/coded.js";
import { archiveOf, configOf, layerOf, OCI, sha256, tarOf } from "../support/images.js";
import { bytesLike, cases, type Doc, docsLike } from "../support/odd.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

const DIGEST = `sha256:${"1".repeat(64)}`;

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder("soak");
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

/** Opens a file with these bytes, and reads the layers of what is in it. */
async function readImages(bytes: Buffer): Promise<void> {
  const file = folder.join("image");
  writeFileSync(file, bytes);
  using images = await openImages(file, { platform: "all" });
  await describeImages(images);
  for (const { image } of images.images) {
    for (const layer of image.layers) for await (const _ of layer.open());
  }
}

const randomAccess = (bytes: Buffer) => ({
  size: bytes.length,
  read: (target: Buffer, length: number, position: number): number =>
    bytes.copy(target, 0, position, Math.min(bytes.length, position + length)),
});

const tars = await Promise.all([
  layerOf({ a: "1", "b/c": "2".repeat(600) }),
  tarOf([
    { name: "d/", type: "directory", mode: 0o755 },
    { name: "d/link", type: "symlink", linkname: "../a" },
    { name: "d/hard", type: "link", linkname: "d/link" },
    { name: "d/.wh.gone", body: "" },
    { name: "d/.wh..wh..opq", body: "" },
    {
      name: `long/${"x".repeat(200)}`,
      body: "1",
      pax: { "SCHILY.xattr.user.a": "b", mtime: "1.5", size: "1" },
    },
    { name: "dev", type: "character-device", devmajor: 1, devminor: 3 },
  ]),
]);
const archives = await Promise.all([
  archiveOf({ layers: tars, tags: ["a:1"] }),
  archiveOf({ layers: [tars[0]], tags: ["a:1"] }, { layers: [], tags: null }),
]);

describe("bytes are read, or refused with a code:", () => {
  test("a tar", async () => {
    await fc.assert(
      fc.asyncProperty(bytesLike(...tars), async (bytes) => {
        answersNowOrIsCoded(() => [...tarMembers(randomAccess(bytes), "it")]);
        await answersOrIsCoded(() => applyLayer(emptyRoot(), randomAccess(bytes), "it"));
      }),
      cases,
    );
  });

  test("two layers on top of one another", async () => {
    await fc.assert(
      fc.asyncProperty(bytesLike(...tars), bytesLike(...tars), (below, above) =>
        answersOrIsCoded(async () => {
          const root = emptyRoot();
          await applyLayer(root, randomAccess(below), "below");
          await applyLayer(root, randomAccess(above), "above");
        }),
      ),
      cases,
    );
  });

  test("an archive of images", async () => {
    await fc.assert(
      fc.asyncProperty(bytesLike(...archives), (bytes) => answersOrIsCoded(() => readImages(bytes))),
      cases,
    );
  });

  test("a compressed archive", async () => {
    const packed = archives.map((bytes) => gzipSync(bytes));
    await fc.assert(
      fc.asyncProperty(bytesLike(...packed), (bytes) =>
        answersOrIsCoded(() => readImages(unpackedBelow(bytes))),
      ),
      cases,
    );
  });

  const str = (text: string): Buffer => {
    const bytes = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8);
    bytes.writeBigUInt64LE(BigInt(text.length));
    bytes.write(text, 8, "latin1");
    return bytes;
  };
  const nar = Buffer.concat(
    [
      ...["nix-archive-1", "(", "type", "directory"],
      ...[
        "entry",
        "(",
        "name",
        "a",
        "node",
        "(",
        "type",
        "regular",
        "executable",
        "",
        "contents",
        "x",
        ")",
        ")",
      ],
      ...["entry", "(", "name", "b", "node", "(", "type", "symlink", "target", "a", ")", ")", ")"],
    ].map(str),
  );
  test("a NAR", async () => {
    const known = { narHash: `sha256-${"A".repeat(43)}=`, narSize: nar.length };
    await fc.assert(
      fc.asyncProperty(bytesLike(nar), fc.integer({ min: 1, max: 50 }), async (bytes, length) => {
        async function* pieces(): AsyncGenerator<Uint8Array> {
          for (let at = 0; at < bytes.length; at += length)
            yield await Promise.resolve(bytes.subarray(at, at + length));
        }
        await answersOrIsCoded(async () => {
          for await (const _ of readNar(pieces(), { name: "it" }));
        });
        await answersOrIsCoded(async () => {
          for await (const _ of verifyNar(pieces(), known, { name: "it" }));
        });
      }),
      cases,
    );
  });
});

/** Programs that decompress are not started a thousand times: what is not gzip any more is read as it is. */
function unpackedBelow(bytes: Buffer): Buffer {
  const isProgram = /^(?:28b52ffd|5.2a4d18|fd377a58|425a68)/.test(bytes.toString("hex", 0, 4));
  return isProgram ? Buffer.from("not one of these") : bytes;
}

const config = JSON.parse(
  configOf({
    layers: tars,
    variant: "v8",
    config: {
      ...{
        Env: ["A=b"],
        Cmd: ["x"],
        Entrypoint: null,
        Labels: { "dev.laminix.content-key": "a,b" },
        User: "",
      },
      ...{ ExposedPorts: { "80/tcp": {} }, Healthcheck: { Test: ["NONE"], Interval: 1 }, OnBuild: [] },
    },
    history: [
      { created: "2020-01-01T00:00:00Z", comment: "store paths: ['/nix/store/x']" },
      { created: "", empty_layer: true },
      { created_by: "y", empty_layer: false },
    ],
  }),
) as Doc;
const descriptor = {
  ...{ mediaType: OCI.manifest, digest: DIGEST, size: 1000 },
  ...{ platform: { os: "linux", architecture: "arm", variant: "v7" }, annotations: { a: "b" } },
};
const layers = tars.map((bytes) => ({
  mediaType: OCI.layer,
  digest: `sha256:${sha256(bytes)}`,
  size: bytes.length,
}));
const manifest = {
  ...{ schemaVersion: 2, mediaType: OCI.manifest, annotations: { a: "b" } },
  ...{ config: { mediaType: OCI.config, digest: DIGEST, size: 100 }, layers },
};
const index = {
  schemaVersion: 2,
  mediaType: OCI.index,
  manifests: [descriptor, { ...descriptor, mediaType: OCI.index }],
};

const jsonOf = (doc: Doc): Json => parseJson(JSON.stringify(doc), "it");

describe("documents are read, or refused with a code:", () => {
  test("a descriptor", () => {
    const json = new ImageJson("it", "an image");
    fc.assert(
      fc.property(docsLike(descriptor), (doc) => {
        answersNowOrIsCoded(() => readDescriptor(json, jsonOf(doc), "descriptor"));
      }),
      cases,
    );
  });

  test("a manifest, an index and a configuration that lead to one another", async () => {
    const all = fc.record({ index: docsLike(index), manifest: docsLike(manifest), config: docsLike(config) });
    await fc.assert(
      fc.asyncProperty(all, fc.constantFrom("all" as const, undefined), async (docs, platform) => {
        const bytes = (doc: Doc): Promise<Buffer> => Promise.resolve(Buffer.from(JSON.stringify(doc)));
        let asked = 0;
        const json = new ImageJson("it", "an image");
        const place = {
          ...{ name: "it", json, maxDocuments: 100 },
          // One and the same digest: the first is the index, what it leads to is the manifest.
          manifest: () => bytes(asked++ === 0 ? docs.index : docs.manifest),
          config: () => bytes(docs.config),
          layer: () => ({}) as unknown as Layer,
        };
        await answersOrIsCoded(async () => {
          const root = readDescriptor(json, jsonOf({ ...descriptor, platform: null, mediaType: "" }), "root");
          await new ManifestReader(place, { platform }).images([{ references: [], descriptor: root }]);
        });
        await answersOrIsCoded(async () => {
          const root = readDescriptor(json, jsonOf(descriptor), "root");
          asked = 1;
          await new ManifestReader(place, { platform }).images([{ references: ["a"], descriptor: root }]);
        });
      }),
      cases,
    );
  });

  test("a docker-archive's", async () => {
    const one = { Config: "config.json", RepoTags: ["a:1"], Layers: ["0.tar", "1.tar"] };
    const all = fc.record({ manifest: docsLike([one]), config: docsLike(config) });
    await fc.assert(
      fc.asyncProperty(all, (docs) =>
        answersOrIsCoded(async () => {
          const archive = new OuterArchive(0);
          const bytes = Buffer.concat([
            ...tars.map((body, i) => archive.file(`${String(i)}.tar`, body)),
            archive.file("config.json", Buffer.from(JSON.stringify(docs.config))),
            archive.file("manifest.json", Buffer.from(JSON.stringify(docs.manifest))),
            archive.end(),
          ]);
          await readImages(bytes);
        }),
      ),
      cases,
    );
  });

  test("a base's configuration", () => {
    const own = jsonOf({ Entrypoint: ["/x"], Labels: { a: "b" }, Env: ["C=d"] });
    const base = [{ kind: "base", sources: ["x"], source: { kind: "made" } }] as unknown as Layer[];
    fc.assert(
      fc.property(docsLike(config), (doc) => {
        const json = jsonOf(doc);
        if (!isObject(json)) return;
        answersNowOrIsCoded(() => {
          platformOf(json);
          historyOf(json);
          storePathsInHistory(json, base, "/nix/store");
          storeLayersInHistory(json, base);
          const below = json.get("config");
          describedImage({
            ...{ architecture: json.get("architecture") ?? null, created: "2020", layers: base },
            config: inheritConfig(own as never, isObject(below) ? below : undefined),
            inherited: inheritHistory(json, base, "2020"),
          }).config([]);
        });
      }),
      cases,
    );
  });
});
