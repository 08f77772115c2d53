import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, beforeEach, expect, test } from "vitest";
import { LaminixError } from "../../../dist/errors.js";
import { fetchBlob, hasBlob, mountBlob } from "../../../dist/transports/registry/blobs.js";
import { RegistryClient, type RegistryOptions } from "../../../dist/transports/registry/client.js";
import { getManifest, headManifest, putManifest } from "../../../dist/transports/registry/manifests.js";
import { uploadBlob } from "../../../dist/transports/registry/upload.js";
import { answering, cutAfter, drop, FaultyProxy, swallow } from "../../support/faultyProxy.js";
import { failureOf } from "../../support/failure.js";
import { configOf, layerOf, OCI, sha256 } from "../../support/images.js";
import { account, type ImageRegistry, startImageRegistry } from "../../support/imageRegistry.js";
import { bytesOf } from "../../support/members.js";
import { Random } from "../../support/random.js";
import { describeWith } from "../../support/requirements.js";
import { temporaryFolder } from "../../support/temporary.js";

const digest = (bytes: string | Uint8Array): `sha256:${string}` => `sha256:${sha256(bytes)}`;
const nobody = { HOME: "/nowhere" };
const quick = { environment: nobody, firstPause: 1 } as const;
const large = new Random(1).bytes(3 << 20);
const source = (bytes: Uint8Array) => ({
  open: async function* () {
    for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
  },
});
const known = (bytes: Uint8Array) => ({ ...source(bytes), digest: digest(bytes), size: bytes.length });

describeWith(["docker-registry", "openssl", "linux"], "a registry's client", () => {
  let registry: ImageRegistry;
  let proxy: FaultyProxy;
  let client: RegistryClient;
  let repository: string;
  let count = 0;

  beforeAll(async () => {
    registry = await startImageRegistry({ plain: true });
    return () => registry[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    proxy = await FaultyProxy.start(registry.host);
    client = new RegistryClient(proxy.host, quick);
    repository = `it/number${count++}`;
    return async () => {
      await client.close();
      await proxy[Symbol.asyncDispose]();
    };
  });
  const open = (options: RegistryOptions): RegistryClient =>
    new RegistryClient(proxy.host, { ...quick, ...options });
  /** As the registry has it, whatever the proxy does. */
  const stored = async (bytes: Uint8Array): Promise<boolean> => {
    const answer = await fetch(`http://${registry.host}/v2/${repository}/blobs/${digest(bytes)}`);
    return answer.ok && Buffer.from(await answer.arrayBuffer()).equals(Buffer.from(bytes));
  };

  test("a blob whose source fails is not sent again, though the failure looks like a registry's", async () => {
    const gone = new LaminixError("ERR_REGISTRY", "it is not there", { details: { status: 404 } });
    let opened = 0;
    const failing = {
      open: async function* () {
        opened++;
        yield large.subarray(0, 1 << 20);
        throw gone;
      },
    };
    expect(await failureOf(uploadBlob(client, repository, failing))).toBe(gone);
    expect(opened).toBe(1);
  });

  test.each([
    ["as a stream of unknown digest and size", source(large), {}],
    ["as a stream", known(large), {}],
    ["in chunks", known(large), { chunkSize: 1_000_000 }],
    ["in chunks of which the last is full", source(large), { chunkSize: 1 << 20 }],
    ["in one request when it is small", known(large.subarray(0, 1000)), {}],
    ["of no bytes", known(large.subarray(0, 0)), {}],
  ])("sends a blob %s, and fetches it", async (_, blob, options) => {
    const bytes = await bytesOf(blob.open());
    const sent = await uploadBlob(client, repository, blob, options);
    expect(sent).toEqual({ digest: digest(bytes), size: bytes.length });
    expect(await hasBlob(client, repository, sent.digest)).toBe(true);
    expect((await bytesOf(fetchBlob(client, repository, sent))).equals(bytes)).toBe(true);
    expect(await stored(bytes)).toBe(true);
  });

  test("finds no blob that is not there", async () => {
    expect(await hasBlob(client, repository, digest("no"))).toBe(false);
    const error = await failureOf(bytesOf(fetchBlob(client, repository, { digest: digest("no"), size: 2 })));
    expect(error).toMatchObject({
      code: "ERR_REGISTRY",
      details: { status: 404, registryCode: "BLOB_UNKNOWN" },
    });
  });

  test("mounts a blob of another repository, and tells when it cannot", async () => {
    await uploadBlob(client, `${repository}/from`, known(large));
    expect(await mountBlob(client, repository, { digest: digest(large), from: `${repository}/from` })).toBe(
      true,
    );
    expect(await stored(large)).toBe(true);
    expect(await mountBlob(client, repository, { digest: digest("no"), from: `${repository}/from` })).toBe(
      false,
    );
  });

  test("puts and gets manifests by tag and digest", async () => {
    const layer = await layerOf({ a: "b" });
    const config = Buffer.from(configOf({ layers: [layer] }));
    const descriptors = await Promise.all(
      [config, layer].map(async (bytes) => uploadBlob(client, repository, known(bytes))),
    );
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI.manifest,
        config: { mediaType: OCI.config, ...descriptors[0] },
        layers: [{ mediaType: OCI.layer, ...descriptors[1] }],
      }),
    );
    const manifest = { mediaType: OCI.manifest, bytes };
    expect(await headManifest(client, repository, "1")).toBeUndefined();
    expect(await putManifest(client, repository, "1", manifest)).toBe(digest(bytes));
    expect(await headManifest(client, repository, "1")).toEqual({
      mediaType: OCI.manifest,
      digest: digest(bytes),
    });
    for (const reference of ["1", digest(bytes)])
      expect(await getManifest(client, repository, reference)).toEqual({
        ...manifest,
        digest: digest(bytes),
      });

    const missing = await failureOf(getManifest(client, repository, "2"));
    expect(missing).toMatchObject({
      code: "ERR_REGISTRY",
      details: { status: 404, registryCode: "MANIFEST_UNKNOWN" },
    });
    expect(missing.hint).toContain("tag");

    proxy.first(9, /GET .*manifests/, (request, response, { pass }) => {
      pass.call(proxy, request, response, async function* (pieces) {
        for await (const piece of pieces)
          yield Buffer.from(piece.toString().replace(OCI.layer, OCI.config.slice(0, OCI.layer.length)));
      });
      return true;
    });
    expect(await failureOf(getManifest(client, repository, "1"))).toMatchObject({ code: "ERR_DIGEST" });
    proxy.first(9, /PUT .*manifests/, answering(400));
    expect(await failureOf(putManifest(client, repository, "wrong", manifest))).toMatchObject({
      code: "ERR_REGISTRY",
    });
    expect(await headManifest(client, repository, "wrong")).toBeUndefined();
  });

  test.each([408, 429, 500, 502, 503, 504])("asks again after a %d", async (status) => {
    await uploadBlob(client, repository, known(large));
    proxy.first(3, /GET .*blobs/, answering(status));
    expect((await bytesOf(fetchBlob(client, repository, known(large)))).equals(large)).toBe(true);
    expect(proxy.count(/GET .*blobs/)).toBe(4);
  });

  test.each([400, 404, 405, 501])("does not ask again after a %d", async (status) => {
    proxy.first(3, /HEAD .*manifests/, answering(status));
    if (status === 404) expect(await headManifest(client, repository, "1")).toBeUndefined();
    else
      expect(await failureOf(headManifest(client, repository, "1"))).toMatchObject({
        code: "ERR_REGISTRY",
        details: { status },
      });
    expect(proxy.count(/HEAD .*manifests/)).toBe(1);
  });

  test("waits as long as it is told to, and not for an hour", async () => {
    let told = 0;
    proxy.first(1, /HEAD .*manifests/, (request, response, it) => {
      told = Date.now();
      return answering(429, { "retry-after": "1" })(request, response, it);
    });
    await headManifest(client, repository, "1");
    expect(Date.now() - told).toBeGreaterThanOrEqual(990);

    const limit = {
      "ratelimit-limit": "100;w=21600",
      "ratelimit-remaining": "0;w=21600",
      "ratelimit-reset": "3600",
    };
    for (const headers of [{ "retry-after": "3600" }, limit]) {
      proxy.first(1, /HEAD .*manifests/, answering(429, headers));
      const error = await failureOf(headManifest(client, repository, "1"));
      expect(error).toMatchObject({ code: "ERR_REGISTRY", details: { status: 429, retryAfter: 3600 } });
      expect(error.hint).toContain("3600 s");
      if (headers === limit) expect(error.details.rateLimit).toEqual(limit);
    }
  });

  test("gives up in the end", async () => {
    proxy.first(99, /manifests/, answering(503));
    const error = await failureOf(headManifest(open({ attempts: 3 }), repository, "1"));
    expect(error).toMatchObject({ code: "ERR_REGISTRY", details: { status: 503 } });
    expect(proxy.count(/manifests/)).toBe(3);
    proxy.first(99, /manifests/, drop);
    expect(await failureOf(headManifest(client, repository, "1"))).toMatchObject({
      code: "ERR_REGISTRY_UNREACHABLE",
    });
  });

  test("goes on where a line broke", async () => {
    await uploadBlob(client, repository, known(large));
    proxy.first(8, /GET .*blobs/, cutAfter(300_000));
    expect((await bytesOf(fetchBlob(client, repository, known(large)))).equals(large)).toBe(true);
    const ranges = proxy.seen
      .filter(({ url }) => url.includes("/blobs/sha256"))
      .map(({ headers }) => headers.range);
    expect(ranges.slice(-2)).toEqual(["bytes=2100000-", "bytes=2400000-"]);
  });

  test("copes with a server that knows no ranges", async () => {
    await uploadBlob(client, repository, known(large));
    proxy.first(4, /GET .*blobs/, (request, response, it) => {
      delete request.headers.range;
      return cutAfter(1_000_000 + proxy.count(/GET .*blobs/))(request, response, it);
    });
    expect((await bytesOf(fetchBlob(client, repository, known(large)))).equals(large)).toBe(true);
  });

  test("takes no other bytes for a blob, neither more nor fewer", async () => {
    await uploadBlob(client, repository, known(large));
    const blob = known(large);
    proxy.first(99, /GET .*blobs/, (request, response, it) => {
      it.pass(request, response, async function* (pieces) {
        for await (const piece of pieces) yield Buffer.alloc(piece.length);
      });
      return true;
    });
    expect(await failureOf(bytesOf(fetchBlob(client, repository, blob)))).toMatchObject({
      code: "ERR_DIGEST",
      details: { expected: digest(large), actual: digest(Buffer.alloc(large.length)) },
    });
    proxy.misbehave = () => false;
    for (const size of [large.length - 1, large.length + 1])
      expect(await failureOf(bytesOf(fetchBlob(client, repository, { ...blob, size })))).toMatchObject({
        code: "ERR_DIGEST",
      });
  });

  test("asks again when the server falls silent", async () => {
    await uploadBlob(client, repository, known(large));
    const impatient = open({ silence: 300 });
    proxy.first(1, /GET .*blobs/, () => true);
    expect((await bytesOf(fetchBlob(impatient, repository, known(large)))).equals(large)).toBe(true);
    proxy.first(1, /GET .*blobs/, (request, response, it) => {
      it.pass(request, response, async function* (pieces) {
        for await (const piece of pieces) {
          yield piece;
          await sleep(100_000, undefined, { ref: false });
        }
      });
      return true;
    });
    expect((await bytesOf(fetchBlob(impatient, repository, known(large)))).equals(large)).toBe(true);
    proxy.first(99, /GET .*blobs/, () => true);
    const error = await failureOf(
      bytesOf(fetchBlob(open({ silence: 100, attempts: 2 }), repository, known(large))),
    );
    expect(error).toMatchObject({ code: "ERR_REGISTRY_UNREACHABLE" });
    expect(error.message).toContain("silent for 0.1 s");
  });

  test("stops when it is told to, with the reason", async () => {
    for (const what of ["", "manifests", "retry"]) {
      const stop = new AbortController();
      const reason = new Error("enough");
      proxy.misbehave = (request, response, it) => {
        if (!request.url?.includes(what === "" ? "/v2/" : "manifests")) return false;
        setTimeout(() => {
          stop.abort(reason);
        }, 50);
        return what === "retry" ? answering(429, { "retry-after": "30" })(request, response, it) : true;
      };
      expect(await failureOf(getManifest(open({}), repository, "1", { signal: stop.signal }))).toBe(reason);
    }
    const stop = new AbortController();
    const pieces = (async function* () {
      yield large;
      stop.abort("done");
      await sleep(10);
      yield large;
    })();
    proxy.misbehave = () => false;
    const sent = uploadBlob(client, repository, { open: () => pieces }, { signal: stop.signal });
    expect(await failureOf(sent)).toBe("done");
  });

  test.each([
    ["as a stream", {}],
    ["in chunks", { chunkSize: 1_000_000 }],
  ])("sends a blob %s in spite of lines that break and servers that fail", async (_, options) => {
    const faults = [drop, swallow, answering(500), answering(503), answering(404), answering(416)];
    for (const [i, fault] of faults.entries()) {
      for (const what of [/POST/, /PATCH/, /PUT/]) {
        const bytes = Buffer.concat([large, Buffer.from(`${i}${String(what)}`)]);
        if (what.source === "POST" && i > 3) continue;
        proxy.first(2, what, fault);
        await uploadBlob(client, repository, i % 2 === 0 ? known(bytes) : source(bytes), options);
        expect([i, what.source, await stored(bytes)]).toEqual([i, what.source, true]);
      }
    }
  });

  test("sends only the rest when the registry has kept a part", async () => {
    let patches = 0;
    proxy.misbehave = (request, response) =>
      request.method === "PATCH" && ++patches === 3 ? swallow(request, response) : false;
    await uploadBlob(client, repository, known(large), { chunkSize: 1_000_000 });
    expect(await stored(large)).toBe(true);
    const ranges = proxy.seen
      .filter(({ method }) => method === "PATCH")
      .map(({ headers }) => headers["content-range"]);
    expect(ranges).toEqual([
      ...["0-999999", "1000000-1999999", "2000000-2999999"],
      ...["2000000-2999999", `3000000-${large.length - 1}`],
    ]);
  });

  test.each([{}, { chunkSize: 1_000_000 }])("does not send a blob for ever (%j)", async (options) => {
    proxy.first(99, /PUT/, answering(400));
    const few = open({ attempts: 3 });
    expect(await failureOf(uploadBlob(few, repository, source(large), options))).toMatchObject({
      code: "ERR_REGISTRY",
      details: { status: 400 },
    });
    expect(proxy.count(/PUT/)).toBeLessThan(6);
    proxy.first(99, /PATCH/, drop);
    expect(await failureOf(uploadBlob(few, repository, known(large), options))).toMatchObject({
      code: "ERR_REGISTRY_UNREACHABLE",
    });
    expect(await stored(large)).toBe(false);
  });

  test("takes a blob for sent when only the answer was lost", async () => {
    proxy.first(1, /PUT/, (request, response, it) => {
      it.pass(request, response, async function* () {
        throw new Error("cut");
      });
      response.writeHead = () => response.destroy();
      return true;
    });
    await uploadBlob(client, repository, known(large));
    expect(await stored(large)).toBe(true);
    expect(proxy.count(/PATCH/)).toBe(1);
  });

  test("sends no blob whose bytes are not those that were announced", async () => {
    const wrong = { ...known(large), digest: digest("other") };
    expect(await failureOf(uploadBlob(client, repository, wrong))).toMatchObject({ code: "ERR_DIGEST" });
    for (const size of [large.length - 1, large.length + 1]) {
      const error = await failureOf(uploadBlob(client, repository, { ...known(large), size }));
      expect(error).toMatchObject({ code: "ERR_DIGEST", details: { expected: size } });
    }
    const failing = {
      open: async function* () {
        yield large;
        throw new TypeError("no more");
      },
    };
    expect(await failureOf(uploadBlob(client, repository, failing))).toBeInstanceOf(TypeError);
    expect(proxy.count(/PUT/)).toBe(0);
  });

  test("is led to another host without what it was let in with", async () => {
    await uploadBlob(client, repository, known(large));
    await using secret = await startImageRegistry({ plain: true, auth: { kind: "password" } });
    await using folder = await temporaryFolder();
    await using inner = await FaultyProxy.start(secret.host);
    const auth = Buffer.from(`${account.username}:${account.password}`).toString("base64");
    writeFileSync(folder.join("auth.json"), JSON.stringify({ auths: { [inner.host]: { auth } } }));
    const environment = { ...nobody, REGISTRY_AUTH_FILE: folder.join("auth.json") };
    await using its = new RegistryClient(inner.host, { ...quick, environment });
    // The other host is the proxy before the open registry.
    inner.misbehave = (request, response) => {
      if (request.method !== "GET" || !request.url?.includes("/blobs/")) return false;
      response.writeHead(307, { location: `http://${proxy.host}${request.url}?signature=xyz` }).end();
      return true;
    };
    expect((await bytesOf(fetchBlob(its, repository, known(large)))).equals(large)).toBe(true);
    expect(inner.seen.at(-1)?.headers.authorization).toBe(`Basic ${auth}`);
    expect(proxy.seen.at(-1)?.url).toContain("signature=xyz");
    expect(proxy.seen.map(({ headers }) => headers.authorization).filter(Boolean)).toEqual([]);
    // What signs a URL is a secret too.
    proxy.first(1, /signature/, answering(403));
    const error = await failureOf(bytesOf(fetchBlob(its, repository, known(large))));
    expect(error.code).toBe("ERR_REGISTRY");
    expect(JSON.stringify([error, error.message, error.details])).not.toContain("xyz");
  });

  test("is not led in circles", async () => {
    proxy.misbehave = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      response.writeHead(302, { location: request.url }).end();
      return true;
    };
    const error = await failureOf(bytesOf(fetchBlob(client, repository, known(large))));
    expect(error).toMatchObject({ code: "ERR_REGISTRY" });
    expect(error.message).toContain("too many redirects");
  });

  test("tells what it is not", async () => {
    proxy.misbehave = answering(404);
    expect(await failureOf(headManifest(client, repository, "1"))).toMatchObject({
      code: "ERR_REGISTRY",
      hint: `is ${proxy.host} a registry?`,
    });
    expect(
      await failureOf(headManifest(new RegistryClient("127.0.0.1:1", quick), repository, "1")),
    ).toMatchObject({
      code: "ERR_REGISTRY_UNREACHABLE",
    });
  });
});
