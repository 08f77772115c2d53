/** Bases of a `conf.json` that nixpkgs' own script cannot read: OCI layouts. */
import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { streamConf } from "../../dist/index.js";
import { archiveItems, type ConfigParts, Layout, layerOf, onPlatform, tarOf } from "../support/images.js";
import { bytesOf } from "../support/members.js";
import { mustRun } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { type ReadImage, readImage } from "./image.js";

let folder: TemporaryFolder;
let parts: ConfigParts;
beforeAll(async () => {
  folder = await temporaryFolder("base");
  parts = {
    layers: [await layerOf({ one: "1" }), await layerOf({ two: "2" })],
    architecture: "arm64",
    config: { Env: ["PATH=/bin", "A=1"], Cmd: ["/bin/one"] },
    history: [
      { created: "2024-01-01T00:00:00Z", created_by: "ADD one" },
      { created: "2024-01-01T00:00:00Z", created_by: "ENV A=1", empty_layer: true },
      { created: "2024-01-01T00:00:00Z", created_by: "ADD two" },
    ],
  };
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

async function onTopOf(base: string): Promise<ReadImage> {
  const conf = {
    ...{ architecture: "arm64", os: "linux", config: { Env: ["A=2"] }, store_dir: "/nix/store" },
    ...{ from_image: base, store_layers: [], customisation_layer: null, repo_tag: "top:1" },
    ...{ created: "2024-05-06", mtime: "@1", uid: "0", gid: "0", uname: "root", gname: "root" },
  };
  writeFileSync(folder.join("conf.json"), JSON.stringify(conf));
  return readImage(await bytesOf(streamConf(folder.join("conf.json"))));
}

/** For two platforms, compressed. */
function layoutOf(name: string): Layout {
  const layout = new Layout(folder.join(name));
  const other = { ...parts, architecture: "amd64", layers: parts.layers.slice(1), history: undefined };
  layout.index([
    layout.nested([
      onPlatform(layout.image(other), "amd64"),
      onPlatform(layout.image(parts, gzipSync, "+gzip"), "arm64", "v8"),
    ]),
  ]);
  return layout;
}

test("a layout, or a tar of one, is a base: the image for the platform, with its history", async () => {
  const layout = layoutOf("layout");
  await mustRun("tar", ["-cf", folder.join("layout.tar"), "-C", layout.folder, "."]);
  for (const base of [layout.folder, folder.join("layout.tar")]) {
    const { config, manifest, layers } = await onTopOf(base);
    expect(layers.map((layer) => layer.map(({ header, body }) => [header.name, body.toString()]))).toEqual([
      [["one", "1"]],
      [["two", "2"]],
    ]);
    expect(manifest.Layers).toEqual(config.rootfs.diff_ids.map((id) => `${id.slice(7)}/layer.tar`));
    expect(config.config).toEqual({ Env: ["PATH=/bin", "A=2"] });
    expect(config.history).toEqual(parts.history);
  }
});

test("a layer of a layout is checked", async () => {
  const layout = layoutOf("wrong");
  const image = layout.image({ ...parts, layers: [parts.layers[0]!] });
  const { layers } = JSON.parse(
    readFileSync(`${layout.folder}/blobs/${image.digest.replace(":", "/")}`, "utf8"),
  ) as { layers: { digest: string; size: number }[] };
  layout.index([image]);
  writeFileSync(
    `${layout.folder}/blobs/${layers[0]!.digest.replace(":", "/")}`,
    Buffer.alloc(layers[0]!.size),
  );
  await expect(onTopOf(layout.folder)).rejects.toMatchObject({ code: "ERR_DIGEST" });
});

test("in an archive with both, manifest.json counts, as for nixpkgs", async () => {
  const layout = layoutOf("both");
  const items = archiveItems([{ ...parts, layers: [parts.layers[1]!] }]);
  const index = { name: "index.json", body: readFileSync(`${layout.folder}/index.json`) };
  writeFileSync(folder.join("both.tar"), await tarOf([...items, index]));
  const { config, layers } = await onTopOf(folder.join("both.tar"));
  expect(layers).toHaveLength(1);
  expect(config.history).toEqual([
    { created: expect.anything(), comment: expect.stringContaining("/layer.tar") },
  ]);
});
