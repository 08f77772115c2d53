import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildLayeredImage, DigestCache, planPush, pushImage } from "../../../dist/index.js";
import { startImageRegistry } from "../../support/imageRegistry.js";
import { blobIn, expectSound, tagsIn } from "../../support/registryStorage.js";
import { describeWith } from "../../support/requirements.js";
import {
  changing,
  CONTENT_KEY,
  fatesOf,
  manifestAt,
  type PushScene,
  sendingBlobs,
  startPushScene,
} from "./scene.js";

/** Bytes. */
const LITTLE = 100_000;
const UNREAD = ["unread", "unread", "unread", "unread"];

describeWith(["docker-registry", "openssl", "nix-daemon", "linux"], "an image that is pushed again", () => {
  let scene: PushScene;
  let repository: string;
  let name: string;
  beforeAll(async () => {
    scene = await startPushScene();
  });
  afterAll(() => scene[Symbol.asyncDispose]());
  const fresh = (): void => {
    repository = scene.repository();
    name = `${scene.registry.host}/${repository}`;
  };

  test("asks for a manifest and a configuration, and changes nothing where it is the same", async () => {
    fresh();
    const first = await scene.push(`${name}:1`);
    const { result, requests } = await scene.registry.during(() => scene.push(`${name}:1`));
    expect(fatesOf(result)).toEqual(UNREAD);
    expect(result).toEqual({
      ...first,
      sent: 0,
      layers: first.layers.map(({ encoder: _, ...each }) => ({ ...each, fate: "unread" })),
    });
    const pathOf = ({ method, url }: { method: string; url: string }): string => `${method} ${url}`;
    const { manifest } = await manifestAt(scene.registry.host, repository, "1");
    const known = [
      "GET /v2/",
      `GET /v2/${repository}/manifests/1`,
      `GET /v2/${repository}/blobs/${manifest.config.digest}`,
    ];
    expect(requests.map(pathOf).filter((each) => !known.includes(each))).toEqual([]);
  });

  test.each([
    ["oci", "gz"],
    ["oci", "none"],
    ["oci", "zstd"],
    ["docker", "gz"],
  ] as const)(
    "sends little where only the configuration is new: %s manifests, layers of %s",
    async (manifestFormat, layerCompression) => {
      fresh();
      const how = { manifestFormat, layerCompression };
      await scene.push(`${name}:1`, {}, how);
      const spec = { config: { Env: ["NEW=1"] } };
      scene.proxy.received = 0;
      const through = `${scene.proxy.host}/${repository}`;
      const { result, requests } = await scene.registry.during(() => scene.push(`${through}:1`, spec, how));
      expect(fatesOf(result)).toEqual(UNREAD);
      expect(scene.proxy.received).toBe(result.sent);
      expect(result.sent).toBeLessThan(LITTLE);
      // One blob: the configuration.
      expect(sendingBlobs(requests).map(({ method }) => method)).toEqual(["POST", "PUT"]);
      const expected = await scene.push(`${scene.registry.host}/${scene.repository()}:1`, spec, how);
      expect(result.digest).toBe(expected.digest);
      expectSound(scene.registry.storage);
    },
  );

  test("sends the one layer that is new", async () => {
    fresh();
    const first = await scene.push(`${name}:1`);
    const leaf = await scene.nix.addTree("other-leaf", (at) => writeFileSync(at, "x".repeat(300_000)));
    const spec = { contents: [scene.program, scene.leaf], config: { Cmd: [leaf] } };
    scene.proxy.received = 0;
    const second = await scene.push(`${scene.proxy.host}/${repository}:1`, spec);
    const sent = second.layers.filter(({ fate }) => fate === "sent");
    expect(sent.map(({ sources }) => sources)).toEqual([[leaf]]);
    expect(scene.proxy.received).toBeLessThan(sent[0]!.size + LITTLE);
    expect(second.layers.filter(({ fate }) => fate === "unread").map(({ digest }) => digest)).toEqual(
      first.layers.map(({ digest }) => digest),
    );
  });

  test("knows another layer in a path of another name, though it has the same files", async () => {
    fresh();
    const write = (at: string): void => writeFileSync(at, "the same ".repeat(1000));
    const [one, two] = [await scene.nix.addTree("named-1", write), await scene.nix.addTree("named-2", write)];
    const of = (path: string) => ({ contents: [], config: { Cmd: [path] } });
    const first = await scene.push(`${name}:1`, of(one));
    const second = await scene.push(`${name}:1`, of(two));
    const layerOf = ({ layers }: typeof first, path: string) =>
      layers.find(({ sources }) => sources.includes(path))!;
    expect(layerOf(second, two).fate).toBe("sent");
    expect(layerOf(second, two).digest).not.toBe(layerOf(first, one).digest);
    const { manifest } = await manifestAt(scene.registry.host, repository, "1");
    const keys = manifest.layers.map(({ annotations }) => annotations![CONTENT_KEY]);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test("is made anew where it is there with other compression", async () => {
    fresh();
    await scene.push(`${name}:1`, {}, { layerCompression: "gz" });
    const zstd = await scene.push(`${name}:1`, {}, { layerCompression: "zstd" });
    expect(fatesOf(zstd)).toEqual(["sent", "sent", "sent", "sent"]);
    const { manifest } = await manifestAt(scene.registry.host, repository, "1");
    for (const { mediaType, digest } of manifest.layers) {
      expect(mediaType).toMatch(/\+zstd$/);
      expect(blobIn(scene.registry.storage, digest).readUInt32LE()).toBe(0xfd2fb528);
    }
  });

  test("is taken over between Docker's manifests and OCI's", async () => {
    fresh();
    await scene.push(`${name}:1`, {}, { manifestFormat: "docker" });
    const oci = await scene.push(`${name}:1`);
    expect(fatesOf(oci)).toEqual(UNREAD);
    expect(oci.digest).toBe((await scene.push(`${scene.registry.host}/${scene.repository()}:1`)).digest);
    expect(fatesOf(await scene.push(`${name}:1`, {}, { manifestFormat: "docker" }))).toEqual(UNREAD);
  });

  test("takes layers over from another tag, mounts them from another repository, copies them from another registry", async () => {
    fresh();
    await scene.push(`${name}:1`);
    const tagged = await scene.push(`${name}:2`, {}, { cacheFrom: [`${name}:1`] });
    expect([fatesOf(tagged), tagged.sent]).toEqual([UNREAD, expect.any(Number)]);
    expect(tagged.sent).toBeLessThan(LITTLE);
    const there = await scene.push(`${name}:3`);
    expect(fatesOf(there)).toEqual(["there", "there", "there", "there"]);

    const other = `${scene.registry.host}/${scene.repository()}`;
    const { result: mounted, requests } = await scene.registry.during(() =>
      scene.push(`${other}:1`, {}, { cacheFrom: [`${name}:1`] }),
    );
    expect(fatesOf(mounted)).toEqual(["mounted", "mounted", "mounted", "mounted"]);
    expect(requests.filter(({ url }) => url.includes("mount=")).map(({ status }) => status)).toEqual([
      201, 201, 201, 201,
    ]);
    expect(requests.filter(({ method }) => method === "PATCH")).toEqual([]);

    await using elsewhere = await startImageRegistry({ plain: true });
    const { result: copied, requests: fetched } = await scene.registry.during(() =>
      scene.push(`${elsewhere.host}/it:1`, {}, { cacheFrom: [`${name}:1`] }),
    );
    expect(fatesOf(copied)).toEqual(["sent", "sent", "sent", "sent"]);
    expect(changing(fetched)).toEqual([]);
    for (const { digest } of copied.layers)
      expect(fetched.filter(({ url }) => url.includes(digest!))).toHaveLength(1);
    expect(tagsIn(elsewhere.storage)).toEqual({ "it:1": tagged.digest });
    expectSound(elsewhere.storage);
    expectSound(scene.registry.storage);
  });

  test("takes nothing over where that is not wanted, and sends nothing that is there nevertheless", async () => {
    fresh();
    const first = await scene.push(`${name}:1`);
    const again = await scene.push(`${name}:1`, {}, { registryCache: false, cacheFrom: [`${name}:1`] });
    expect(fatesOf(again)).toEqual(["there", "there", "there", "there"]);
    expect(again.digest).toBe(first.digest);
  });

  test("is not compressed where a cache remembers what it came to, or an archive tells its diffIDs", async () => {
    fresh();
    await using image = await scene.build();
    const cache = new DigestCache(scene.folder.join("cache"));
    const { registries } = scene;
    await pushImage(image, `${name}:1`, { registries, cache });
    const other = `${name}-too`;
    expect(fatesOf(await pushImage(image, `${other}:1`, { registries, cache }))).toEqual([
      "sent",
      "sent",
      "sent",
      "sent",
    ]);
    const warm = await pushImage(image, `${other}:2`, { registries, cache });
    expect(fatesOf(warm)).toEqual(["there", "there", "there", "there"]);
    const plan = await planPush(image, `${name}-third:1`, { registries, cache });
    expect(plan.layers.map(({ digest }) => digest)).toEqual(warm.layers.map(({ digest }) => digest));

    const archive = scene.folder.join("it.tar");
    const spec = { name: "it", tag: "1", contents: [scene.program, scene.leaf] };
    await buildLayeredImage(spec, { store: scene.store, cache: false, output: archive });
    const from = `${scene.registry.host}/${scene.repository()}`;
    const first = await pushImage(archive, `${from}:1`, { registries, cache: false });
    expect(fatesOf(first)).toEqual(["sent", "sent", "sent", "sent"]);
    const { result, requests } = await scene.registry.during(() =>
      pushImage(archive, `${from}:1`, { registries, cache: false }),
    );
    expect([fatesOf(result), result.sent, changing(requests)]).toEqual([UNREAD, 0, []]);
    // Nobody says what these layers are made of; they are known by their diffIDs.
    const { manifest } = await manifestAt(scene.registry.host, from.split("/").slice(1).join("/"), "1");
    expect(JSON.stringify(manifest)).not.toContain(CONTENT_KEY);
  });
});
