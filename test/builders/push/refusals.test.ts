import { writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  type ProgressEvent,
  pullImage,
  pushImage,
  pushImageIndex,
  type PushImageOptions,
  Registries,
} from "../../../dist/index.js";
import { openImages } from "../../../dist/transports/open.js";
import { runMain } from "../../cli/commandLine.js";
import { failureOf } from "../../support/failure.js";
import { answering, FaultyProxy } from "../../support/faultyProxy.js";
import { type ImageRegistry, startImageRegistry } from "../../support/imageRegistry.js";
import {
  archiveItems,
  archiveOf,
  configOf,
  layerOf,
  Layout,
  OCI,
  sha256,
  tarOf,
} from "../../support/images.js";
import { putBlob } from "../../support/rawRegistry.js";
import { tagsIn } from "../../support/registryStorage.js";
import { describeWith } from "../../support/requirements.js";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary.js";
import { DOCKER_MANIFEST, manifestAt } from "./scene.js";

const PUT_MANIFEST = /^PUT .*\/manifests\//;

describeWith(["docker-registry", "openssl", "skopeo"], "a registry that refuses", () => {
  let registry: ImageRegistry;
  let proxy: FaultyProxy;
  let folder: TemporaryFolder;
  let archive: string;
  let name: string;
  let count = 0;
  const events: ProgressEvent[] = [];
  const registries = new Registries({ environment: { HOME: "/nowhere" } });

  beforeAll(async () => {
    registry = await startImageRegistry({ plain: true });
    proxy = await FaultyProxy.start(registry.host);
    folder = await temporaryFolder("refusals");
    archive = folder.join("image.tar");
    writeFileSync(
      archive,
      await archiveOf({ layers: [await layerOf({ a: "1" }), await layerOf({ b: "2" })] }),
    );
  });
  afterAll(async () => {
    await registries.close();
    await proxy[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    name = `it/image${count++}`;
    proxy.misbehave = () => false;
    proxy.seen.length = 0;
    events.length = 0;
  });

  /** Answers so to manifests of OCI's, and takes Docker's. */
  const refuseOci = (status: number, code: string, message: string, detail: unknown = {}): void => {
    const answer = answering(
      status,
      { "content-type": "application/json" },
      JSON.stringify({ errors: [{ code, message, detail }] }),
    );
    proxy.misbehave = (request, response, it) =>
      PUT_MANIFEST.test(`${request.method ?? ""} ${request.url ?? ""}`) &&
      request.headers["content-type"]?.includes("vnd.oci.") === true
        ? answer(request, response, it)
        : false;
  };
  const push = (image: string, options: PushImageOptions = {}) =>
    pushImage(image, `${proxy.host}/${name}:1`, {
      ...{ registries, cache: false, onProgress: (event) => events.push(event) },
      ...options,
    });
  const notes = (): string[] => events.flatMap((event) => (event.type === "note" ? [event.message] : []));

  test.each([
    [415, "MANIFEST_INVALID", "manifest invalid", {}],
    [400, "UNSUPPORTED", "the operation is unsupported", {}],
    [400, "MANIFEST_INVALID", "unknown media type application/vnd.oci.image.manifest.v1+json", {}],
    [400, "MANIFEST_INVALID", "manifest invalid", { message: "mediaType is not supported" }],
  ])("OCI's manifests with %s %s (%s %j) gets Docker's", async (status, code, message, detail) => {
    refuseOci(status, code, message, detail);
    const pushed = await push(archive);
    expect(notes()).toEqual([expect.stringContaining("does not accept OCI manifests")]);
    expect(pushed.layers.map(({ fate }) => fate)).toEqual(["sent", "sent"]);
    expect(pushed.sent).toBeGreaterThan(pushed.layers.reduce((sum, { size }) => sum + size, 0));
    const { manifest, digest } = await manifestAt(registry.host, name, "1");
    expect(manifest.mediaType).toBe(DOCKER_MANIFEST);
    expect(pushed.digest).toBe(digest);
  });

  test("an index of OCI's gets Docker's list", async () => {
    refuseOci(415, "UNSUPPORTED", "no");
    const other = folder.join("arm.tar");
    writeFileSync(other, await archiveOf({ layers: [await layerOf({ a: "1" })], architecture: "arm64" }));
    await pushImageIndex([archive, other], `${proxy.host}/${name}:1`, { registries, cache: false });
    const { manifest } = await manifestAt(registry.host, name, "1");
    expect(manifest.mediaType).toBe("application/vnd.docker.distribution.manifest.list.v2+json");
  });

  test("a manifest for a reason that may be its format is told of with a hint", async () => {
    refuseOci(400, "MANIFEST_INVALID", "manifest invalid");
    expect(await failureOf(push(archive))).toMatchObject({
      code: "ERR_REGISTRY",
      message: expect.stringMatching(/answers 400 .*: manifest invalid$/),
      hint: expect.stringContaining("--manifest-format docker"),
      details: { status: 400, registryCode: "MANIFEST_INVALID", mediaType: OCI.manifest },
    });
    expect(notes()).toEqual([]);
  });

  test("is not given another format than was asked for, nor another manifest than the image has", async () => {
    refuseOci(415, "UNSUPPORTED", "no");
    const refusal = { code: "ERR_REGISTRY", hint: expect.stringContaining("--manifest-format docker") };
    expect(await failureOf(push(archive, { manifestFormat: "oci" }))).toMatchObject(refusal);
    expect(await failureOf(push(archive, { layerCompression: "zstd" }))).toMatchObject(refusal);
    const layout = new Layout(folder.join("layout"));
    layout.index([layout.image({ layers: [await layerOf({ a: "1" })] }, gzipSync, "+gzip")]);
    expect(await failureOf(push(layout.folder))).toMatchObject(refusal);
    expect(tagsIn(registry.storage)).not.toHaveProperty([`${name}:1`]);
    expect(notes()).toEqual([]);
  });

  test("the command line tells of the other format", async () => {
    refuseOci(415, "UNSUPPORTED", "no");
    const reference = `${proxy.host}/${name}:1`;
    const outcome = await runMain(["push", archive, reference], {
      environment: { HOME: "/nowhere" },
    });
    expect(outcome).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("does not accept OCI manifests"),
    });
    expect(outcome.stderr).toMatch(/2 of 2 layers sent/);
  });

  test("a non-distributable layer is told of at once, with what to do", async () => {
    const layer = await layerOf({ a: "1" });
    const layout = new Layout(folder.join("foreign"));
    const mediaType = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    const manifest = {
      ...{ schemaVersion: 2, mediaType: OCI.manifest },
      config: layout.blob(OCI.config, configOf({ layers: [layer] })),
      layers: [{ ...layout.blob(mediaType, layer), urls: ["https://nowhere.invalid/layer"] }],
    };
    layout.index([layout.blob(OCI.manifest, JSON.stringify(manifest))]);
    expect(await failureOf(push(layout.folder))).toMatchObject({
      code: "ERR_REGISTRY",
      message: expect.stringContaining("answers 500"),
      hint: expect.stringContaining("non-distributable"),
    });
    expect(proxy.count(PUT_MANIFEST)).toBe(1);
  });

  test("to hand out a non-distributable layer is told of with what to do", async () => {
    const layer = await layerOf({ a: "1" });
    const config = configOf({ layers: [layer] });
    await putBlob(registry.host, name, config);
    const mediaType = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    const digest = `sha256:${sha256(layer)}`;
    const manifest = {
      ...{ schemaVersion: 2, mediaType: OCI.manifest },
      config: { mediaType: OCI.config, digest: `sha256:${sha256(config)}`, size: config.length },
      layers: [{ mediaType, digest, size: layer.length }],
    };
    proxy.misbehave = (request, response, it) =>
      /\/manifests\//.test(request.url ?? "")
        ? answering(200, { "content-type": OCI.manifest }, JSON.stringify(manifest))(request, response, it)
        : false;
    const pulling = pullImage(`${proxy.host}/${name}:1`, {
      ...{ output: folder.join("pulled.tar"), environment: { HOME: "/nowhere" } },
    });
    expect(await failureOf(pulling)).toMatchObject({
      code: "ERR_UNSUPPORTED",
      message: `${proxy.host}/${name} has a non-distributable layer: ${digest}`,
      details: { digest, mediaType },
      hint: expect.stringContaining("docker save"),
    });
  });
});

describeWith([], "an image that is refused", () => {
  test("for a non-distributable layer tells that of a layout too", async () => {
    await using folder = await temporaryFolder();
    const layout = new Layout(folder.join("it"));
    const layer = await layerOf({ a: "1" });
    const mediaType = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    const config = layout.blob(OCI.config, configOf({ layers: [layer] }));
    const layers = [{ mediaType, digest: `sha256:${"1".repeat(64)}`, size: 1 }];
    layout.index([layout.blob(OCI.manifest, JSON.stringify({ schemaVersion: 2, config, layers }))]);
    using images = await openImages(layout.folder);
    const [foreign] = images.images[0]!.image.layers;
    expect(await failureOf(foreign!.diffId())).toMatchObject({
      code: "ERR_UNSUPPORTED",
      message: expect.stringContaining("non-distributable"),
    });
  });

  test.each([["Layers"], ["Config"]])("for an empty name in its %s says so", async (key) => {
    await using folder = await temporaryFolder();
    const items = archiveItems([{ layers: [await layerOf({ a: "1" })] }]).map((item) => {
      if (item.name !== "manifest.json") return item;
      const [entry] = JSON.parse(item.body as string) as [object];
      return { ...item, body: JSON.stringify([{ ...entry, [key]: key === "Layers" ? [""] : "" }]) };
    });
    writeFileSync(folder.join("it.tar"), await tarOf(items));
    expect(await failureOf(openImages(folder.join("it.tar")))).toMatchObject({
      code: "ERR_ARCHIVE",
      message: expect.stringMatching(/has an empty name where a file is to be named$/),
      hint: expect.stringContaining("docker save"),
    });
  });
});
