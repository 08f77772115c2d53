import { afterAll, beforeAll, expect, test } from "vitest";
import { buildLayeredImage, DigestCache, pushImage, type PushImageOptions } from "../../../dist/index.js";
import { answering } from "../../support/faultyProxy.js";
import { failureOf } from "../../support/failure.js";
import { configOf, layerOf, OCI, sha256 } from "../../support/images.js";
import { putBlob, putManifest } from "../../support/rawRegistry.js";
import { expectSound, loseBlob, tagsIn, unlinkBlob } from "../../support/registryStorage.js";
import { describeWith } from "../../support/requirements.js";
import { CONTENT_KEY, fatesOf, manifestAt, type PushScene, startPushScene } from "./scene.js";

const UNREAD = ["unread", "unread", "unread", "unread"];
const SENT = ["sent", "sent", "sent", "sent"];

const descriptor = (mediaType: string, bytes: string | Buffer, more: object = {}) => ({
  ...{ mediaType, digest: `sha256:${sha256(bytes)}`, size: Buffer.byteLength(bytes) },
  ...more,
});

describeWith(["docker-registry", "openssl", "nix-daemon", "linux"], "what is there before a push", () => {
  let scene: PushScene;
  let host: string;
  beforeAll(async () => {
    scene = await startPushScene();
    ({ host } = scene.registry);
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  /** A push that keeps what it is warned of. */
  const warned = async (reference: string, options: PushImageOptions = {}) => {
    const warnings: string[] = [];
    const pushed = await scene.push(
      reference,
      {},
      {
        ...options,
        onProgress: (event) => {
          if (event.type === "warning") warnings.push(event.message);
        },
      },
    );
    return { pushed, warnings };
  };

  test("is believed when it says what a layer is made of, unless the layers are to be verified", async () => {
    const repository = scene.repository();
    const honest = await scene.push(`${host}/${repository}:1`, {}, { layerCompression: "none" });
    const { manifest } = await manifestAt(host, repository, "1");
    const lie = await layerOf({ lie: "not what is asked for" });
    const key = manifest.layers[0]!.annotations![CONTENT_KEY]!;
    const config = configOf({ layers: [lie] });
    await putBlob(host, repository, lie);
    await putBlob(host, repository, config);
    const lying = {
      ...{ schemaVersion: 2, mediaType: OCI.manifest, config: descriptor(OCI.config, config) },
      layers: [descriptor(OCI.layer, lie, { annotations: { [CONTENT_KEY]: key } })],
    };
    await putManifest(host, repository, "lying", lying);
    const how = { layerCompression: "none", cacheFrom: [`${host}/${repository}:lying`] } as const;
    const error = await failureOf(scene.push(`${host}/${repository}:new`, {}, { ...how, verify: true }));
    expect(error).toMatchObject({
      code: "ERR_DIGEST",
      details: {
        paths: honest.layers[0]!.sources,
        expected: honest.layers[0]!.diffId,
        actual: `sha256:${sha256(lie)}`,
      },
    });
    expect(tagsIn(scene.registry.storage)).not.toHaveProperty(`${repository}:new`);
    const believing = await scene.push(`${host}/${repository}:new`, {}, how);
    expect(believing.layers[0]).toMatchObject({ fate: "unread", digest: `sha256:${sha256(lie)}` });
    const verified = await scene.push(
      `${host}/${repository}:1`,
      {},
      { layerCompression: "none", verify: true },
    );
    expect([fatesOf(verified), verified.digest]).toEqual([UNREAD, honest.digest]);
    const disbelieving = await scene.push(`${host}/${repository}:new`, {}, { ...how, registryCache: false });
    expect(disbelieving.digest).toBe(honest.digest);
  });

  test("is known by its diffIDs where it does not say what it is made of, and these are remembered", async () => {
    const repository = scene.repository();
    const { registries, store } = scene;
    const cache = new DigestCache(scene.folder.join("cache"));
    const archive = scene.folder.join("archive.tar");
    const contents = [scene.program, scene.leaf];
    const spec = { name: "image", tag: "1", contents, compressor: "none" } as const;
    await buildLayeredImage(spec, { store, cache, output: archive });
    // Compressed by somebody else, and without annotations.
    await scene.registry.push(archive, `${repository}:1`);
    const before = (await manifestAt(host, repository, "1")).manifest.layers.map(({ digest }) => digest);
    await using image = await scene.build();
    const other = `${host}/${scene.repository()}:1`;
    const how = { registries, cacheFrom: [`${host}/${repository}:1`] };
    const cold = await pushImage(image, other, { ...how, cache: false });
    expect([fatesOf(cold), cold.layers.filter(({ digest }) => before.includes(digest!))]).toEqual([SENT, []]);
    const warm = await pushImage(image, `${host}/${repository}:1`, { registries, cache });
    // The layer of the root is made every time: nobody remembers its diffID.
    expect(fatesOf(warm)).toEqual(["unread", "unread", "unread", "sent"]);
    expect(warm.layers.slice(0, 3).map(({ digest }) => digest)).toEqual(before.slice(0, 3));
    const { manifest } = await manifestAt(host, repository, "1");
    for (const { annotations } of manifest.layers) expect(annotations).toHaveProperty([CONTENT_KEY]);
  });

  test("is of no use, and no obstacle, where it is no image", async () => {
    const chart = "{}";
    const layer = await layerOf({ a: "b" });
    const config = configOf({ layers: [layer] });
    const damaged = configOf({ layers: [] });
    const image = (own: object) => ({ schemaVersion: 2, mediaType: OCI.manifest, layers: [], ...own });
    const cases: readonly [string, object, (string | Buffer)[], RegExp | undefined][] = [
      [
        "an artifact",
        image({
          config: descriptor("application/vnd.cncf.helm.config.v1+json", chart),
          layers: [descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", layer)],
        }),
        [chart, layer],
        /helm\.config/,
      ],
      ["a configuration that is no JSON", image({ config: descriptor(OCI.config, "{") }), ["{"], /JSON/],
      [
        "fewer diffIDs than layers",
        image({ config: descriptor(OCI.config, damaged), layers: [descriptor(OCI.layer, layer)] }),
        [damaged, layer],
        /diff/i,
      ],
      [
        "layers that are none",
        image({ config: descriptor(OCI.config, config), layers: [descriptor("text/plain", layer)] }),
        [config, layer],
        /text\/plain/,
      ],
    ];
    for (const [what, document, blobs, said] of cases) {
      const repository = scene.repository();
      for (const blob of blobs) await putBlob(host, repository, blob);
      await putManifest(host, repository, "1", document);
      const { pushed, warnings } = await warned(`${host}/${repository}:1`);
      expect([what, fatesOf(pushed), warnings]).toEqual([what, SENT, [expect.stringMatching(said!)]]);
      expect(warnings[0]).toContain(`${host}/${repository}:1`);
    }
    expect((await warned(`${host}/${scene.repository()}:1`)).warnings).toEqual([]);
    expectSound(scene.registry.storage);
  });

  test("may be an index, whose images' layers are taken over", async () => {
    const repository = scene.repository();
    await scene.push(`${host}/${repository}:amd64`);
    const { digest, bytes } = await manifestAt(host, repository, "amd64");
    const platform = { os: "linux", architecture: "amd64" };
    const manifests = [{ mediaType: OCI.manifest, digest, size: bytes.length, platform }];
    await putManifest(host, repository, "1", { schemaVersion: 2, mediaType: OCI.index, manifests });
    const { pushed, warnings } = await warned(`${host}/${repository}:1`);
    expect([fatesOf(pushed), warnings, pushed.digest]).toEqual([UNREAD, [], digest]);
    expect(tagsIn(scene.registry.storage)[`${repository}:1`]).toBe(digest);
  });

  test("may lack a blob by now: then all is looked for, and what is not there is sent", async () => {
    for (const [how, lose] of [
      [
        "deleted",
        (repository: string, digest: string) =>
          fetch(`http://${host}/v2/${repository}/blobs/${digest}`, { method: "DELETE" }),
      ],
      [
        "unlinked",
        (repository: string, digest: string) => unlinkBlob(scene.registry.storage, repository, digest),
      ],
      ["lost", (_: string, digest: string) => loseBlob(scene.registry.storage, digest)],
    ] as const) {
      const repository = scene.repository();
      const first = await scene.push(`${host}/${repository}:1`, { config: { Env: [`HOW=${how}`] } });
      await lose(repository, first.layers[0]!.digest!);
      const { pushed } = await warned(`${host}/${repository}:1`);
      expect([how, fatesOf(pushed)]).toEqual([how, ["sent", "there", "there", "there"]]);
      // The lost blob's own link is there in other repositories, but not its bytes.
      if (how !== "lost") expectSound(scene.registry.storage);
    }
  });

  test("is believed whole where it is the very image; what it lacks is sent to a push that believes nothing", async () => {
    const repository = scene.repository();
    const first = await scene.push(`${host}/${repository}:1`);
    unlinkBlob(scene.registry.storage, repository, first.layers[0]!.digest!);
    expect(await scene.push(`${host}/${repository}:1`)).toMatchObject({ sent: 0 });
    const repaired = await scene.push(`${host}/${repository}:1`, {}, { registryCache: false });
    expect(fatesOf(repaired)).toEqual(["sent", "there", "there", "there"]);
    expectSound(scene.registry.storage);
  });

  test("is looked for where a registry has words of its own for a blob that is missing", async () => {
    const repository = scene.repository();
    const first = await scene.push(`${host}/${repository}:1`, { config: { Env: ["OWN=1"] } });
    unlinkBlob(scene.registry.storage, repository, first.layers[0]!.digest!);
    scene.proxy.first(1, /PUT .*manifests/, answering(400));
    const { pushed } = await warned(`${scene.proxy.host}/${repository}:1`);
    expect(fatesOf(pushed)).toEqual(["sent", "there", "there", "there"]);
    // The configuration was sent before, and the first layer now.
    expect(pushed.sent).toBeGreaterThan(pushed.layers[0]!.size);
    expectSound(scene.registry.storage);
  });

  test("is of no use, and no obstacle, where the registry does not hand it out", async () => {
    for (const [status, said] of [
      [404, []],
      [400, [/answers 400/]],
      [403, [/does not let pull/]],
      [406, [/answers 406/]],
    ] as const) {
      const name = `${scene.proxy.host}/${scene.repository()}:1`;
      scene.proxy.first(1, /GET .*manifests/, answering(status));
      const { pushed, warnings } = await warned(name);
      expect([status, pushed.tags, warnings]).toEqual([
        status,
        ["1"],
        said.map((each) => expect.stringMatching(each)),
      ]);
    }
  });

  test("may be out of reach, which is an error and no reason to send everything", async () => {
    scene.proxy.misbehave = (_, response) => {
      response.writeHead(500).end();
      return true;
    };
    const impatient = scene.impatient();
    const error = await failureOf(
      scene.push(`${scene.proxy.host}/${scene.repository()}:1`, {}, { registries: impatient }),
    );
    await impatient.close();
    scene.proxy.misbehave = () => false;
    expect(error.code).toBe("ERR_REGISTRY");
  });
});
