import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, expect, test } from "vitest";
import { buildImageIndex, exportImage, mergeImages, streamLayeredImage } from "../../dist/index.js";
import { GraphStore } from "../../dist/index.js";
import { runMain } from "../cli/commandLine.js";
import { failureOf } from "../support/failure.js";
import {
  archiveItems,
  configOf,
  type ConfigParts,
  type Descriptor,
  type Item,
  layerOf,
  Layout,
  named,
  onPlatform,
  sha256,
  tarOf,
} from "../support/images.js";
import { membersOf } from "../support/members.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

const GRAPH = '[{"path":"/nix/store/00000000000000000000000000000000-a","narSize":120,"references":[]}]';

let folder: TemporaryFolder;
let amd: ConfigParts;
let arm: ConfigParts;
beforeAll(async () => {
  folder = await temporaryFolder("views");
  amd = { layers: [await layerOf({ "etc/amd": "1" })], architecture: "amd64" };
  arm = { layers: [await layerOf({ "etc/arm": "2" })], architecture: "arm64" };
  return () => folder[Symbol.asyncDispose]();
});

function filesIn(layout: string): Item[] {
  return readdirSync(layout, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => ({ name: path.relative(layout, file), body: readFileSync(file) }));
}

/** An archive with a `manifest.json` of the amd64 image, and a layout; answers its path. */
async function archive(name: string, fill: (layout: Layout) => unknown[]): Promise<string> {
  const layout = new Layout(folder.join(name));
  layout.index(fill(layout));
  const file = folder.join(`${name}.tar`);
  writeFileSync(
    file,
    await tarOf([...archiveItems([{ ...amd, tags: ["it:1"] }]), ...filesIn(layout.folder)]),
  );
  return file;
}
const both = (layout: Layout): Descriptor =>
  layout.nested([onPlatform(layout.image(amd), "amd64"), onPlatform(layout.image(arm), "arm64")]);
const inspected = async (file: string, ...flags: string[]): Promise<unknown> => {
  const outcome = await runMain(["inspect", file, "--json", ...flags]);
  expect(outcome).toMatchObject({ code: 0, stderr: "" });
  return JSON.parse(outcome.stdout.toString());
};

test("an index that leads to more platforms than the manifest.json beside it is what counts, for every verb", async () => {
  const file = await archive("richer", (layout) => [both(layout)]);
  for (const [architecture, parts] of [
    ["arm64", arm],
    ["amd64", amd],
  ] as const) {
    expect(await inspected(file, "--arch", architecture)).toMatchObject({
      images: [{ tags: ["it:1"], architecture, configDigest: `sha256:${sha256(configOf(parts))}` }],
    });
    const output = folder.join(`${architecture}.tar`);
    await exportImage(file, { architecture, output });
    const exported = await runMain(["export", file, "--arch", architecture]);
    expect(exported.stdout.equals(readFileSync(output))).toBe(true);
    const names = (await membersOf(readFileSync(output))).map(({ header }) => header.name);
    expect(names).toContain(architecture === "arm64" ? "./etc/arm" : "./etc/amd");
    await using built = await streamLayeredImage(
      { name: "child", fromImage: file, architecture },
      {
        store: GraphStore.parse(GRAPH, "g"),
      },
    );
    expect(built.image.platform.architecture).toBe(architecture);
    expect(await built.image.layers[0]!.diffId()).toMatchObject({
      diffId: `sha256:${sha256(parts.layers[0]!)}`,
    });
  }
  const { platforms } = await buildImageIndex([file], { output: folder.join("index") });
  expect(platforms.map(({ architecture }) => architecture)).toEqual(["amd64", "arm64"]);
});

test("an image that is built on one for another architecture comes with a warning", async () => {
  const file = await archive("single", (layout) => [layout.image(amd)]);
  const warnings: string[] = [];
  for (const architecture of ["arm64", "amd64"]) {
    await using _ = await streamLayeredImage(
      { name: "child", fromImage: file, architecture, includeStorePaths: false },
      {
        store: GraphStore.parse(GRAPH, "g"),
        onProgress: (event) => event.type === "warning" && warnings.push(event.message),
      },
    );
  }
  expect(warnings).toEqual([
    "the base image is for linux/amd64, and the image on top of it is for linux/arm64",
  ]);
});

test("an image that is built is not loaded as one for another platform", async () => {
  writeFileSync(folder.join("graph.json"), GRAPH);
  const spec = folder.join("spec.json");
  writeFileSync(spec, JSON.stringify({ name: "it", architecture: "amd64", includeStorePaths: false }));
  const from = [spec, "--graph", folder.join("graph.json"), "--arch", "s390x"];
  expect(await runMain(["load", ...from, "--host", `unix://${folder.join("no.sock")}`])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("no image for linux/s390x, only for linux/amd64") as string,
  });
});

test("what only manifest.json has is there for its own platform alone, too", async () => {
  const layout = new Layout(folder.join("mixed"));
  layout.index([named(both(layout), "it:1")]);
  const tool = { layers: [await layerOf({ tool: "3" })], architecture: "amd64", tags: ["tool:1"] };
  const file = folder.join("mixed.tar");
  writeFileSync(
    file,
    await tarOf([...archiveItems([{ ...amd, tags: ["it:1"] }, tool]), ...filesIn(layout.folder)]),
  );
  expect(await inspected(file)).toMatchObject({ images: [{ tags: ["it:1"] }, { tags: ["tool:1"] }] });
  expect((await runMain(["inspect", file, "--arch", "arm64"])).stderr).toContain("no image for linux/arm64");
});

test("a name that a built image does not have is not exported", async () => {
  await using built = await streamLayeredImage(
    { name: "it", tag: "1", includeStorePaths: false },
    { store: GraphStore.parse(GRAPH, "g") },
  );
  expect(
    await failureOf(exportImage(built, { output: folder.join("named.tar"), reference: "other:9" })),
  ).toMatchObject({ code: "ERR_ARCHIVE", hint: "it has it:1" });
});

test("names in the index come before those in manifest.json", async () => {
  const file = await archive("named", (layout) => [named(both(layout), "other:2")]);
  expect(await inspected(file, "--arch", "arm64")).toMatchObject({ images: [{ tags: ["other:2"] }] });
});

test("a platform that neither has is told of, and which there are", async () => {
  const file = await archive("other", (layout) => [both(layout)]);
  const plain = await archive("plain", (layout) => [layout.image(amd)]);
  for (const [image, platforms] of [
    [file, ["linux/amd64", "linux/arm64"]],
    [plain, ["linux/amd64"]],
  ] as const) {
    expect(
      await failureOf(exportImage(image, { architecture: "s390x", output: folder.join("x.tar") })),
    ).toMatchObject({ code: "ERR_ARCHIVE", details: { wanted: "linux/s390x", platforms } });
    const outcome = await runMain(["inspect", image, "--arch", "s390x"]);
    expect(outcome).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no image for linux/s390x") as string,
    });
  }
});

test("an index that leads to no more, or to what is not there, changes nothing: as in what docker save writes", async () => {
  const attestation = (layout: Layout): Descriptor => ({
    ...onPlatform(layout.image({ layers: [] }), "unknown"),
    annotations: { "vnd.docker.reference.type": "attestation-manifest" },
  });
  const absent = (layout: Layout): Descriptor => ({
    ...onPlatform(layout.image({ layers: [] }), "arm64"),
    digest: `sha256:${"1".repeat(64)}`,
  });
  const layerless = (layout: Layout): Descriptor => {
    const whole = layout.image({ ...arm, layers: [] });
    const manifest = JSON.parse(
      readFileSync(path.join(layout.folder, "blobs/sha256", whole.digest.slice(7)), "utf8"),
    ) as object;
    const layers = [
      { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: `sha256:${"2".repeat(64)}`, size: 1 },
    ];
    return onPlatform(layout.blob(whole.mediaType, JSON.stringify({ ...manifest, layers })), "arm64");
  };
  const alone = folder.join("alone.tar");
  writeFileSync(alone, await tarOf(archiveItems([{ ...amd, tags: ["it:1"] }])));
  const bytesOf = async (file: string): Promise<string> => {
    await using merged = await mergeImages([file]);
    const pieces: Buffer[] = [];
    for await (const piece of merged.pieces()) pieces.push(Buffer.from(piece));
    return sha256(Buffer.concat(pieces));
  };
  for (const [name, fill] of [
    ["same", (layout: Layout) => [named(layout.image(amd), "1")]],
    [
      "saved",
      (layout: Layout) => [
        named(
          layout.nested([
            onPlatform(layout.image(amd), "amd64"),
            attestation(layout),
            absent(layout),
            layerless(layout),
          ]),
          "1",
        ),
      ],
    ],
    ["broken", () => [1]],
  ] as const) {
    const file = await archive(name, fill);
    expect(await inspected(file)).toEqual(await inspected(alone));
    expect(await bytesOf(file)).toBe(await bytesOf(alone));
  }
});
