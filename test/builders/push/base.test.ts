import { createWriteStream, readFileSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildLayeredImage, streamLayeredImage } from "../../../dist/index.js";
import { type DockerEngine, startDockerEngine } from "../../support/dockerEngine.js";
import { failureOf } from "../../support/failure.js";
import { type ImageRegistry, startImageRegistry } from "../../support/imageRegistry.js";
import { configOf, layerOf, OCI, sha256, tarOf } from "../../support/images.js";
import { putBlob, putManifest } from "../../support/rawRegistry.js";
import { expectSound } from "../../support/registryStorage.js";
import { describeWith } from "../../support/requirements.js";
import { laminix, mustRun } from "../../support/run.js";
import {
  changing,
  configAt,
  fatesOf,
  LAYER_KIND,
  manifestAt,
  type PushScene,
  startPushScene,
} from "./scene.js";

describeWith(["docker-registry", "openssl", "nix-daemon", "dockerd", "linux"], "a base in a registry", () => {
  let scene: PushScene;
  let host: string;
  let elsewhere: ImageRegistry;
  /** An image of another maker: `docker://HOST/it/base@DIGEST`. */
  let base: string;
  let layers: readonly Buffer[];
  beforeAll(async () => {
    scene = await startPushScene();
    ({ host } = scene.registry);
    elsewhere = await startImageRegistry({ plain: true });
    layers = [
      await tarOf([
        { name: "bin/", type: "directory" },
        { name: "bin/busybox", mode: 0o755, body: readFileSync("/bin/busybox") },
        { name: "bin/cat", type: "symlink", linkname: "busybox" },
      ]),
      await layerOf({ file: "from the base\n" }),
    ];
    const config = configOf({ layers, config: { Cmd: ["/bin/cat", "/file"], Env: ["PATH=/bin"] } });
    const descriptor = (mediaType: string, bytes: string | Buffer) => ({
      ...{ mediaType, digest: `sha256:${sha256(bytes)}`, size: Buffer.byteLength(bytes) },
    });
    const packed = layers.map((layer) => gzipSync(layer));
    for (const blob of [...packed, config]) await putBlob(host, "it/base", blob);
    const manifest = {
      ...{ schemaVersion: 2, mediaType: OCI.manifest, config: descriptor(OCI.config, config) },
      layers: packed.map((layer) => descriptor(`${OCI.layer}+gzip`, layer)),
    };
    await putManifest(host, "it/base", "1", manifest);
    base = `docker://${host}/it/base@${(await manifestAt(host, "it/base", "1")).digest}`;
  });
  afterAll(async () => {
    await elsewhere[Symbol.asyncDispose]();
    await scene[Symbol.asyncDispose]();
  });

  test("is mounted, and no byte of its layers is fetched", async () => {
    const { manifest } = await manifestAt(host, "it/base", "1");
    const repository = scene.repository();
    const { result, requests } = await scene.registry.during(() =>
      scene.push(`${host}/${repository}:1`, { fromImage: base }),
    );
    expect(fatesOf(result)).toEqual(["mounted", "mounted", "sent", "sent", "sent", "sent"]);
    expect(result.layers.slice(0, 2)).toMatchObject(
      manifest.layers.map(({ digest, size }) => ({ digest, size, kind: "base", sources: [digest] })),
    );
    const read = requests.filter(({ method, url }) => method === "GET" && url.includes("it/base"));
    expect(read.map(({ url }) => url.replace("/v2/it/base/", ""))).toEqual([
      `manifests/${base.split("@")[1]!}`,
      `blobs/${manifest.config.digest}`,
    ]);
    const again = await scene.registry.during(() =>
      scene.push(`${host}/${repository}:1`, { fromImage: base }),
    );
    expect([new Set(fatesOf(again.result)), changing(again.requests)]).toEqual([new Set(["unread"]), []]);
    expectSound(scene.registry.storage);
  });

  test("is copied to another registry, where it is read once", async () => {
    const { manifest } = await manifestAt(host, "it/base", "1");
    const { result, requests } = await scene.registry.during(() =>
      scene.push(`${elsewhere.host}/it/copied:1`, { fromImage: base }),
    );
    expect(new Set(fatesOf(result))).toEqual(new Set(["sent"]));
    for (const { digest } of manifest.layers)
      expect(requests.filter(({ url }) => url.includes(digest))).toHaveLength(1);
    const again = await scene.registry.during(() =>
      scene.push(`${elsewhere.host}/it/copied:1`, { fromImage: base, config: { Env: ["B=2"] } }),
    );
    expect(new Set(fatesOf(again.result))).toEqual(new Set(["unread"]));
    for (const { digest } of manifest.layers)
      expect(again.requests.filter(({ url }) => url.includes(digest))).toEqual([]);
    expectSound(elsewhere.storage);
  });

  test("is named by its digest; a tag is refused, and the hint has the digest", async () => {
    const [name, digest] = base.split("@") as [string, string];
    for (const tag of ["", ":1"]) {
      // Without a tag it is `latest`, which has to be there.
      if (tag === "")
        await putManifest(host, "it/base", "latest", (await manifestAt(host, "it/base", "1")).manifest);
      const error = await failureOf(scene.build({ fromImage: `${name}${tag}` }));
      expect(error).toMatchObject({
        code: "ERR_REFERENCE",
        details: { digest },
        hint: `pin it by its digest: ${name}${tag}@${digest}`,
      });
    }
    await using _ = await scene.build({ fromImage: `${name}:1@${digest}` });
    const other = `sha256:${"0".repeat(64)}`;
    expect(await failureOf(scene.build({ fromImage: `${name}@${other}` }))).toMatchObject({
      code: "ERR_REGISTRY",
      details: { status: 404 },
    });
    expect(await failureOf(scene.build({ fromImage: `${name}@sha256:1` }))).toMatchObject({
      code: "ERR_REFERENCE",
    });
  });

  test("that was made here has its store paths already, which its layers and its history tell", async () => {
    const { digest } = await scene.push(`${host}/it/own:1`, { contents: [scene.program] });
    const fromImage = `docker://${host}/it/own@${digest}`;
    const own = await manifestAt(host, "it/own", "1");
    const kinds = own.manifest.layers.map(({ annotations }) => annotations?.[LAYER_KIND]);
    expect(kinds).toEqual(["store", "store", undefined]);
    const { result, requests } = await scene.registry.during(() =>
      scene.push(`${host}/it/on-own:1`, { fromImage, contents: [scene.program, scene.leaf] }),
    );
    expect(fatesOf(result)).toEqual(["mounted", "mounted", "mounted", "sent", "sent"]);
    expect(result.layers.slice(3).map(({ kind, sources }) => [kind, sources])).toEqual([
      ["store", [scene.leaf]],
      ["root", [scene.program, scene.leaf]],
    ]);
    expect(
      requests.filter(({ method, url }) => method === "GET" && url.includes("it/own/blobs")),
    ).toHaveLength(1);
    // Third storey: what both below have is not put in again.
    const third = await scene.push(`${host}/it/third:1`, {
      fromImage: `docker://${host}/it/on-own@${result.digest}`,
      contents: [scene.program, scene.leaf],
    });
    expect(third.layers.filter(({ kind }) => kind === "store")).toEqual([]);
    expect(third.layers.map(({ kind }) => kind)).toEqual(["base", "base", "base", "base", "base", "root"]);
    const { history } = await configAt(host, "it/third", "1");
    expect(JSON.stringify(history)).toContain(scene.leaf);
  });

  test("is fetched where its bytes are needed, and checked", async () => {
    const archive = scene.folder.join("built.tar");
    const spec = {
      name: "built",
      tag: "1",
      fromImage: base,
      contents: [scene.leaf],
      compressor: "none",
    } as const;
    const how = { store: scene.store, registries: scene.registries, cache: false } as const;
    await buildLayeredImage(spec, { ...how, output: archive });
    await using image = await streamLayeredImage(spec, how);
    await pipeline(image.stream(), createWriteStream(scene.folder.join("streamed.tar")));
    expect(readFileSync(scene.folder.join("streamed.tar")).equals(readFileSync(archive))).toBe(true);
    const { stdout } = await laminix(["inspect", "--json", archive]);
    const { images } = JSON.parse(stdout.toString()) as { images: { layers: { diffId: string }[] }[] };
    expect(images[0]!.layers.slice(0, 2).map(({ diffId }) => diffId)).toEqual(
      layers.map((layer) => `sha256:${sha256(layer)}`),
    );
  });

  test("runs in Docker, with what was put on top of it", async () => {
    await using engine: DockerEngine = await startDockerEngine();
    const name = `${host}/${scene.repository()}:1`;
    await scene.push(name, { fromImage: base, contents: [scene.leaf] });
    await engine.docker(["pull", name]);
    const run = async (...args: string[]): Promise<string> =>
      (await engine.docker(["run", "--rm", "--network", "none", name, ...args])).stdout.toString();
    expect(await run()).toBe("from the base\n");
    const { stdout } = await mustRun("sha256sum", [`${scene.leaf}/leaf`]);
    expect(await run("/bin/busybox", "sha256sum", "/leaf")).toContain(stdout.toString().split(" ")[0]!);
  });
});
