import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DockerEngine, startDockerEngine } from "../../support/dockerEngine.js";
import { type ImageTools, imageTools } from "../../support/imageTools.js";
import { readLayout } from "../../support/readLayout.js";
import { blobIn, expectSound } from "../../support/registryStorage.js";
import { describeWith } from "../../support/requirements.js";
import {
  configAt,
  CONTENT_KEY,
  DOCKER_MANIFEST,
  fatesOf,
  manifestAt,
  type PushScene,
  startPushScene,
} from "./scene.js";

const COPY = ["copy", "--quiet", "--preserve-digests", "--src-tls-verify=false"];

describeWith(
  ["docker-registry", "openssl", "skopeo", "podman", "zstd", "nix-daemon", "linux"],
  "an image that is pushed where nothing is",
  () => {
    let scene: PushScene;
    let tools: ImageTools;
    beforeAll(async () => {
      scene = await startPushScene();
      tools = await imageTools();
    });
    afterAll(async () => {
      await tools[Symbol.asyncDispose]();
      await scene[Symbol.asyncDispose]();
    });

    test.each(["none", "gz", "zstd"] as const)(
      "is what skopeo and podman take, with layers of %s",
      async (how) => {
        const { registry } = scene;
        const name = `${registry.host}/${scene.repository()}`;
        const pushed = await scene.push(`${name}:1`, { annotations: { a: "b" } }, { layerCompression: how });
        expect(pushed).toMatchObject({ reference: `${name}:1@${pushed.digest}`, tags: ["1"] });
        expect(fatesOf(pushed)).toEqual(["sent", "sent", "sent", "sent"]);
        const copy = tools.join(`copy-${how}`);
        await tools.skopeo([...COPY, `docker://${name}:1`, `oci:${copy}:1`]);
        const { images, blobs } = await readLayout(copy);
        expect(images[0]!.entry.digest).toBe(pushed.digest);
        const { manifest } = images[0]!;
        const ending = { none: "", gz: "+gzip", zstd: "+zstd" }[how];
        for (const { mediaType } of manifest.layers)
          expect(mediaType).toBe(`application/vnd.oci.image.layer.v1.tar${ending}`);
        expect(manifest.annotations).toMatchObject({ a: "b" });
        for (const { annotations } of manifest.layers) expect(annotations?.[CONTENT_KEY]).toMatch(/^.{32,}$/);
        expect(pushed.layers.map(({ digest, size }) => ({ digest, size }))).toEqual(
          manifest.layers.map(({ digest, size }) => ({ digest, size })),
        );
        const encoder = {
          none: undefined,
          gz: /^gz \d libdeflate level 6 [0-9a-f]{16}$/,
          zstd: /^zstd \d level 3 /,
        }[how];
        for (const layer of pushed.layers) expect(layer.encoder ?? "").toMatch(encoder ?? /^$/);
        const sizes = blobs.map((digest) => blobIn(registry.storage, digest).length);
        expect(pushed.size).toBe(sizes.reduce((sum, size) => sum + size, 0));
        expect(pushed.sent).toBe(pushed.size);
        await tools.podman(["pull", "--quiet", "--tls-verify=false", `${name}:1`]);
        const { stdout } = await tools.podman([
          "image",
          "inspect",
          "--format",
          "{{.RepoDigests}}",
          `${name}:1`,
        ]);
        expect(stdout.toString()).toContain(`${name}@${pushed.digest}`);
        expectSound(registry.storage);
      },
    );

    test("has Docker's manifest where that is wanted, with a label in place of annotations", async () => {
      const { registry } = scene;
      const repository = scene.repository();
      const name = `${registry.host}/${repository}`;
      const spec = { config: { Labels: { own: "1" } }, annotations: { a: "b" } };
      const pushed = await scene.push(`${name}:1`, spec, { manifestFormat: "docker" });
      const { manifest, digest } = await manifestAt(registry.host, repository, "1");
      expect(digest).toBe(pushed.digest);
      expect(manifest.mediaType).toBe(DOCKER_MANIFEST);
      expect(manifest.config.mediaType).toBe("application/vnd.docker.container.image.v1+json");
      expect(JSON.stringify(manifest)).not.toContain("annotations");
      for (const { mediaType } of manifest.layers)
        expect(mediaType).toBe("application/vnd.docker.image.rootfs.diff.tar.gzip");
      const { config } = await configAt(registry.host, repository, "1");
      expect(config.Labels).toEqual({ own: "1", [CONTENT_KEY]: expect.any(String) });
      expect(config.Labels![CONTENT_KEY]!.split(",")).toHaveLength(manifest.layers.length);
      await tools.skopeo([...COPY, `docker://${name}:1`, `dir:${tools.join("docker")}`]);
      await tools.podman(["pull", "--quiet", "--tls-verify=false", `${name}:1`]);
      await expect(
        scene.push(`${name}:2`, {}, { manifestFormat: "docker", layerCompression: "zstd" }),
      ).rejects.toMatchObject({ code: "ERR_UNSUPPORTED" });
    });

    test("has a layer that is larger than what goes with one request", async () => {
      const { registry } = scene;
      const large = await scene.nix.addTree("large", (at) =>
        writeFileSync(at, Buffer.alloc(20 << 20, "large ")),
      );
      const name = `${registry.host}/${scene.repository()}`;
      const spec = { contents: [], config: { Cmd: [large] } };
      const pushed = await scene.push(`${name}:1`, spec, { layerCompression: "none" });
      expect(pushed.layers.map(({ size }) => size > 20 << 20)).toContain(true);
      await tools.skopeo([...COPY, `docker://${name}:1`, `dir:${tools.join("large")}`]);
      expectSound(registry.storage);
    });
  },
);

describeWith(["docker-registry", "openssl", "skopeo", "nix-daemon", "dockerd"], "Docker", () => {
  let scene: PushScene;
  let engine: DockerEngine;
  beforeAll(async () => {
    scene = await startPushScene();
    engine = await startDockerEngine();
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await scene[Symbol.asyncDispose]();
  });

  test.each([
    ["oci", "gz"],
    ["oci", "none"],
    ["docker", "gz"],
    ["docker", "none"],
  ] as const)(
    "pulls what was pushed with %s manifests and layers of %s",
    async (manifestFormat, layerCompression) => {
      const name = `${scene.registry.host}/${scene.repository()}`;
      const { digest, layers } = await scene.push(`${name}:1`, {}, { manifestFormat, layerCompression });
      const pulled = await engine.docker(["pull", `${name}:1`]);
      expect(pulled.stdout.toString()).toContain(`Digest: ${digest}`);
      const { stdout } = await engine.docker(["image", "inspect", `${name}@${digest}`]);
      const [image] = JSON.parse(stdout.toString()) as { readonly RootFS: { readonly Layers: string[] } }[];
      expect(image!.RootFS.Layers).toEqual(layers.map(({ diffId }) => diffId));
    },
  );
});
