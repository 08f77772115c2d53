import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { planPush, pushImage, pushImageIndex, Registries } from "../../../dist/index.js";
import { failureOf } from "../../support/failure.js";
import { type ImageRegistry, startImageRegistry } from "../../support/imageRegistry.js";
import {
  archiveOf,
  configOf,
  type ConfigParts,
  layerOf,
  Layout,
  named,
  onPlatform,
  sha256,
} from "../../support/images.js";
import { type ImageTools, imageTools } from "../../support/imageTools.js";
import { blobIn, expectSound, tagsIn } from "../../support/registryStorage.js";
import { describeWith } from "../../support/requirements.js";
import { mustRun } from "../../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary.js";
import { changing, DOCKER_MANIFEST, fatesOf, manifestAt } from "./scene.js";

describeWith(["docker-registry", "openssl", "skopeo", "podman"], "an image that is there already", () => {
  let registry: ImageRegistry;
  let registries: Registries;
  let tools: ImageTools;
  let folder: TemporaryFolder;
  let one: ConfigParts;
  let other: ConfigParts;
  let repository: string;
  let name: string;
  let count = 0;
  beforeAll(async () => {
    registry = await startImageRegistry({ plain: true });
    registries = new Registries({ environment: { HOME: "/nowhere" } });
    tools = await imageTools();
    folder = await temporaryFolder("archives");
    const shared = await layerOf({ shared: "of all ".repeat(10_000) });
    one = { layers: [shared, await layerOf({ one: "1" })], config: { Cmd: ["one"] } };
    other = { layers: [shared, await layerOf({ other: "2" })], architecture: "arm", variant: "v7" };
  });
  afterAll(async () => {
    await registries.close();
    await tools[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    repository = `it/image${count++}`;
    name = `${registry.host}/${repository}`;
  });
  const push: typeof pushImage = (image, reference, options) =>
    pushImage(image, reference, { registries, cache: false, ...options });
  const archive = async (file: string, ...parts: ConfigParts[]): Promise<string> => {
    const images = parts.map((each, i) => ({ ...each, tags: [`it:${String(i)}`] }));
    writeFileSync(folder.join(file), await archiveOf(...images));
    return folder.join(file);
  };
  const layoutOf = (fill: (layout: Layout) => unknown[]): string => {
    const layout = new Layout(folder.join(`layout${String(count++)}`));
    layout.index(fill(layout));
    return layout.folder;
  };
  const gzipped = (layout: Layout, parts: ConfigParts) => layout.image(parts, gzipSync, "+gzip");

  test("is pushed out of a docker-archive, its configuration unchanged", async () => {
    const pushed = await push(await archive("one.tar", one), `${name}:1`);
    expect(fatesOf(pushed)).toEqual(["sent", "sent"]);
    expect(pushed.layers.map(({ diffId, kind }) => [diffId, kind])).toEqual(
      one.layers.map((layer) => [`sha256:${sha256(layer)}`, "image"]),
    );
    const { manifest, digest } = await manifestAt(registry.host, repository, "1");
    expect([digest, manifest.config.digest]).toEqual([pushed.digest, `sha256:${sha256(configOf(one))}`]);
    await tools.podman(["pull", "--quiet", "--tls-verify=false", `${name}:1`]);
    const gz = folder.join("one.tar.gz");
    writeFileSync(gz, gzipSync(await archiveOf({ ...one, tags: ["it:0"] })));
    expect(await push(gz, `${name}:1`)).toMatchObject({ digest: pushed.digest, sent: 0 });
  });

  test("keeps its manifest out of a layout, whatever lies there, unless another is asked for", async () => {
    const folderOf = layoutOf((layout) => [named(gzipped(layout, one), "it:1")]);
    const tar = folder.join("layout.tar");
    await mustRun("tar", ["-C", folderOf, "-cf", tar, "."]);
    const first = await push(folderOf, `${name}:1`);
    const { digest, manifest } = await manifestAt(registry.host, repository, "1");
    expect(digest).toBe(first.digest);
    const own = readFileSync(`${folderOf}/blobs/${digest.replace(":", "/")}`);
    expect(blobIn(registry.storage, digest).equals(own)).toBe(true);
    expect(await push(tar, `${name}:2`)).toMatchObject({ digest, tags: ["2"] });
    const plain = await push(folderOf, `${name}:none`, { layerCompression: "none" });
    expect(plain.layers.map(({ digest: each }) => each)).toEqual(
      one.layers.map((each) => `sha256:${sha256(each)}`),
    );
    const docker = await push(folderOf, `${name}:docker`, { manifestFormat: "docker" });
    expect(fatesOf(docker)).toEqual(["there", "there"]);
    const made = (await manifestAt(registry.host, repository, "docker")).manifest;
    expect(made.mediaType).toBe(DOCKER_MANIFEST);
    expect(made.layers.map((each) => each.digest)).toEqual(manifest.layers.map((each) => each.digest));
    // Docker's manifest stays one, too.
    const copy = await push(`docker://${name}:docker`, `${name}-copy:1`);
    expect([copy.digest, fatesOf(copy)]).toEqual([docker.digest, ["mounted", "mounted"]]);
  });

  test("goes from one registry to another with its manifest, an index's image too", async () => {
    await using second = await startImageRegistry({ plain: true });
    const amd64 = onPlatform(gzipped(new Layout(folder.join("amd")), one), "amd64");
    const index = layoutOf((layout) => [
      layout.nested([
        onPlatform(gzipped(layout, one), "amd64"),
        onPlatform(gzipped(layout, other), "arm", "v7"),
      ]),
    ]);
    const all = await pushImageIndex([index], `${name}:all`, { registries, cache: false });
    const { result, requests } = await registry.during(() =>
      push(`docker://${name}:all`, `${second.host}/it:amd64`, {
        platform: { os: "linux", architecture: "amd64" },
      }),
    );
    expect([result.digest, fatesOf(result), changing(requests)]).toEqual([
      amd64.digest,
      ["sent", "sent"],
      [],
    ]);
    const whole = await pushImageIndex([`docker://${name}:all`], `${second.host}/it:all`, { registries });
    expect(whole.digest).toBe(all.digest);
    // What both have is there once, and was there before.
    expect(whole.layers.map(({ fate }) => fate).sort()).toEqual(["sent", "there", "there"]);
    expectSound(second.storage);
    expect(tagsIn(second.storage)).toEqual({ "it:amd64": amd64.digest, "it:all": all.digest });
  });

  test("has to be one, or one for the platform that is asked for", async () => {
    expect(await failureOf(push(await archive("two.tar", one, other), `${name}:1`))).toMatchObject({
      code: "ERR_ARCHIVE",
      details: { references: ["it:0", "it:1"] },
    });
    const several = layoutOf((layout) => [
      layout.nested([
        onPlatform(gzipped(layout, one), "amd64"),
        onPlatform(gzipped(layout, other), "arm", "v7"),
      ]),
    ]);
    expect(await failureOf(push(several, `${name}:1`))).toMatchObject({
      code: "ERR_ARCHIVE",
      details: { platforms: ["linux/amd64", "linux/arm/v7"] },
      hint: expect.stringContaining("laminix index"),
    });
    const platform = { os: "linux", architecture: "arm", variant: "v7" };
    const arm = await push(several, `${name}:arm`, { platform });
    expect(arm.layers.at(-1)!.diffId).toBe(`sha256:${sha256(other.layers[1]!)}`);
    for (const image of [
      several,
      layoutOf((layout) => [gzipped(layout, one)]),
      await archive("one.tar", one),
    ]) {
      const error = await failureOf(
        push(image, `${name}:1`, { platform: { os: "linux", architecture: "riscv64" } }),
      );
      expect([image, error.code]).toEqual([image, "ERR_ARCHIVE"]);
    }
    expect(Object.keys(tagsIn(registry.storage))).not.toContain(`${repository}:1`);
  });

  test("is told of options that are wrong before anything is asked", async () => {
    const image = await archive("one.tar", one);
    const wrong: readonly [string, unknown][] = [
      ["tags", "1"],
      ["platform", "linux/amd64"],
      ["platform", { os: "linux" }],
      ["manifestFormat", "v1"],
      ["layerCompression", "xz"],
      ["layerCompressionLevel", 13],
      ["layerEncoder", "pigz"],
      ["cacheFrom", [1]],
      ["registryCache", "no"],
      ["verify", 1],
    ];
    for (const [key, value] of wrong) {
      const error = await failureOf(push(image, `${name}:1`, { [key]: value }));
      expect([key, error.code, error.message]).toEqual([
        key,
        "ERR_ARGUMENT",
        expect.stringContaining(`options.${key}`),
      ]);
    }
    expect(await failureOf(push(5 as never, `${name}:1`))).toMatchObject({ code: "ERR_ARGUMENT" });
    expect(await failureOf(push(image, undefined as never))).toMatchObject({ code: "ERR_ARGUMENT" });
  });

  test("is planned without anything being changed", async () => {
    const image = await archive("one.tar", one);
    const ask = () => planPush(image, `${name}:1`, { registries, cache: false });
    const before = await registry.during(ask);
    expect([before.result.layers.map(({ fate }) => fate), changing(before.requests)]).toEqual([
      ["sent", "sent"],
      [],
    ]);
    expect(before.result.toSend).toBe(one.layers.reduce((sum, { length }) => sum + length, 0));
    expect(before.result.layers[0]).not.toHaveProperty("digest");
    await push(image, `${name}:1`);
    const after = await registry.during(ask);
    expect([after.result.layers.map(({ fate }) => fate), changing(after.requests)]).toEqual([
      ["unread", "unread"],
      [],
    ]);
    expect(after.result.toSend).toBe(0);
  });
});

describeWith(["docker-registry", "openssl", "skopeo"], "an index that is pushed", () => {
  let registry: ImageRegistry;
  let tools: ImageTools;
  beforeAll(async () => {
    registry = await startImageRegistry({ plain: true });
    tools = await imageTools();
  });
  afterAll(async () => {
    await tools[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
  });

  test("leads to each image by platform and variant; what several have is sent once", async () => {
    await using registries = new Registries({ environment: { HOME: "/nowhere" } });
    const shared = await layerOf({ shared: "of all ".repeat(10_000) });
    const images: string[] = [];
    for (const [architecture, variant] of [["amd64"], ["arm", "v6"], ["arm", "v7"]] as const) {
      const file = tools.join(`${architecture}${variant ?? ""}.tar`);
      const layers = [shared, await layerOf({ own: `${architecture}${variant ?? ""}` })];
      writeFileSync(
        file,
        await archiveOf({ layers, architecture, tags: ["it:1"], ...(variant && { variant }) }),
      );
      images.push(file);
    }
    const reference = `${registry.host}/it/index:1`;
    for (const manifestFormat of ["oci", "docker"] as const) {
      const { result, requests } = await registry.during(() =>
        pushImageIndex(images, reference, {
          registries,
          cache: false,
          manifestFormat,
          annotations: { a: "b" },
        }),
      );
      const raw = await tools.skopeo(["inspect", "--raw", "--tls-verify=false", `docker://${reference}`]);
      const index = JSON.parse(raw.stdout.toString()) as {
        readonly mediaType: string;
        readonly annotations?: object;
        readonly manifests: readonly { readonly platform: object }[];
      };
      expect(`sha256:${sha256(raw.stdout)}`).toBe(result.digest);
      expect(index.mediaType).toMatch(manifestFormat === "oci" ? /oci.image.index/ : /manifest.list.v2/);
      expect(index.annotations).toEqual(manifestFormat === "oci" ? { a: "b" } : undefined);
      expect(index.manifests.map(({ platform }) => platform)).toEqual([
        { os: "linux", architecture: "amd64" },
        { os: "linux", architecture: "arm", variant: "v6" },
        { os: "linux", architecture: "arm", variant: "v7" },
      ]);
      expect(result.layers).toHaveLength(4);
      // Layers and configurations, each begun and ended; the second time nothing of them.
      const blobs = requests.filter(({ method, url }) => method === "PUT" && url.includes("/blobs/"));
      expect(blobs).toHaveLength(manifestFormat === "oci" ? 7 : 0);
      const inspected = await tools.skopeo([
        ...["inspect", "--override-arch", "arm", "--override-variant", "v6", "--tls-verify=false"],
        `docker://${reference}`,
      ]);
      expect(JSON.parse(inspected.stdout.toString())).toMatchObject({ Architecture: "arm" });
      await tools.skopeo([
        ...["copy", "--quiet", "--all", "--preserve-digests", "--src-tls-verify=false"],
        ...[`docker://${reference}`, `dir:${tools.join(manifestFormat)}`],
      ]);
      const again = await registry.during(() =>
        pushImageIndex(images, reference, {
          registries,
          cache: false,
          manifestFormat,
          annotations: { a: "b" },
        }),
      );
      expect([again.result.sent, changing(again.requests)]).toEqual([0, []]);
    }
    const twice = [images[0]!, images[0]!];
    expect(await failureOf(pushImageIndex(twice, reference, { registries }))).toMatchObject({
      code: "ERR_INDEX",
    });
    expectSound(registry.storage);
  });
});
