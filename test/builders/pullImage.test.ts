import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { pullImage, type PullOptions } from "../../dist/index.js";
import { knownConfig } from "../../dist/image/image.js";
import { openImages } from "../../dist/transports/open.js";
import { runMain } from "../cli/commandLine.js";
import { failureOf } from "../support/failure.js";
import { answering, cutAfter, drop, FaultyProxy, type Misbehaviour } from "../support/faultyProxy.js";
import { account, type ImageRegistry, startImageRegistry } from "../support/imageRegistry.js";
import {
  archiveOf,
  configOf,
  type ConfigParts,
  Layout,
  layerOf,
  OCI,
  onPlatform,
  sha256,
} from "../support/images.js";
import { type ImageTools, imageTools } from "../support/imageTools.js";
import { membersOf } from "../support/members.js";
import { Random } from "../support/random.js";
import { newerSkopeo } from "../support/newerSkopeo.js";
import { describeWith, testWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

describeWith(["docker-registry", "openssl", "skopeo", "podman", "zstd", "linux"], "pulling an image", () => {
  let registry: ImageRegistry;
  let proxy: FaultyProxy;
  let tools: ImageTools;
  let folder: TemporaryFolder;
  let parts: Readonly<Record<"amd64" | "arm64" | "arm", ConfigParts>>;
  let output: string;
  let count = 0;

  beforeAll(async () => {
    registry = await startImageRegistry({ plain: true });
    tools = await imageTools();
    const base = await layerOf({
      "etc/base": "of all",
      "usr/large": new Random(3).bytes(2 << 20).toString("latin1"),
    });
    const of = async (architecture: string, variant?: string): Promise<ConfigParts> => ({
      layers: [base, await layerOf({ [`etc/${architecture}`]: "own" }), base],
      architecture,
      config: { Cmd: [architecture], Env: ["A=b"] },
      ...(variant !== undefined && { variant }),
    });
    parts = { amd64: await of("amd64"), arm64: await of("arm64", "v8"), arm: await of("arm", "v7") };
  });
  afterAll(async () => {
    await tools[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    folder = await temporaryFolder();
    output = folder.join("image.tar");
    proxy = await FaultyProxy.start(registry.host);
    return async () => {
      await proxy[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    };
  });
  const environment = { HOME: "/nowhere" };
  const pull = (reference: string, options: Partial<PullOptions> = {}) =>
    pullImage(reference, { output, environment, ...options });

  /** Puts a layout's images there; answers the name by which the proxy has them. */
  const put = async (
    fill: (layout: Layout) => unknown[],
    options: readonly string[] = [],
  ): Promise<string> => {
    const name = `it/image${count++}`;
    const layout = new Layout(tools.join(name));
    layout.index(fill(layout));
    await tools.skopeo([
      ...["copy", "--quiet", "--all", "--dest-tls-verify=false", ...options],
      ...[`oci:${layout.folder}`, `docker://${registry.host}/${name}:1`],
    ]);
    return `${proxy.host}/${name}`;
  };
  const all = (layout: Layout): unknown[] => [
    layout.nested([
      onPlatform(layout.image(parts.arm64, gzipSync, "+gzip"), "arm64", "v8"),
      onPlatform(layout.image(parts.amd64, gzipSync, "+gzip"), "amd64"),
      onPlatform(layout.image(parts.arm), "arm", "v7"),
    ]),
  ];
  const one = (layout: Layout): unknown[] => [layout.image(parts.amd64, gzipSync, "+gzip")];
  const digestAt = async (name: string): Promise<string> =>
    (
      await fetch(`http://${name.replace("/", "/v2/")}/manifests/1`, {
        method: "HEAD",
        headers: { accept: `${OCI.manifest}, ${OCI.index}` },
      })
    ).headers.get("docker-content-digest")!;

  test("gives an archive of which nothing has changed but its layers' compression", async () => {
    const name = await put(one);
    const pulled = await pull(`${name}:1`);
    const bytes = readFileSync(output);
    expect(pulled).toEqual({
      path: output,
      size: bytes.length,
      imageName: name,
      imageDigest: await digestAt(name),
      archive: "laminix",
      hash: `sha256-${Buffer.from(sha256(bytes), "hex").toString("base64")}`,
      finalImageName: name,
      finalImageTag: "1",
      os: "linux",
      arch: "amd64",
    });
    using images = await openImages(output);
    const [image] = images.images;
    expect(knownConfig(image!.image).bytes.toString()).toBe(configOf(parts.amd64));
    expect(image!.references).toEqual([`${name}:1`]);
    const members = await membersOf(bytes);
    for (const layer of parts.amd64.layers)
      expect(
        members.find(({ header }) => header.name === `${sha256(layer)}/layer.tar`)!.body.equals(layer),
      ).toBe(true);
    expect(members).toHaveLength(4); // two layers, of which one is there twice; configuration; manifest
    const loaded = await tools.podman(["load", "--quiet", "-i", output]);
    expect(loaded.stdout.toString()).toContain(`${name}:1`);
  });

  test("gives the same bytes for the same manifest, and for other compression of the same layers", async () => {
    const packed = (layer: Buffer): Buffer =>
      execFileSync("zstd", ["-qc"], { input: layer, maxBuffer: 1 << 24 });
    const gzip = await put(one);
    const zstd = await put((layout) => [layout.image(parts.amd64, packed, "+zstd")]);
    const plain = await put((layout) => [layout.image(parts.amd64)]);
    const hashes = new Set<string>();
    for (const reference of [`${gzip}:1`, `${gzip}@${await digestAt(gzip)}`, `${zstd}:1`, `${plain}:1`])
      hashes.add((await pull(reference, { finalImageName: "same", finalImageTag: "1" })).hash);
    expect(hashes.size).toBe(1);
  });

  test("chooses the platform from an index, and tells both digests", async () => {
    const name = await put(all);
    const index = await digestAt(name);
    for (const [architecture, variant] of [["amd64"], ["arm64", "v8"], ["arm", "v7"]] as const) {
      const pulled = await pull(`${name}@${index}`, { architecture, finalImageTag: "2" });
      expect(pulled).toMatchObject({
        arch: architecture,
        indexDigest: index,
        finalImageTag: "2",
        os: "linux",
      });
      expect(pulled.variant).toBe(variant);
      const again = await pull(`${name}@${pulled.imageDigest}`, { finalImageTag: "2" });
      expect([again.hash, again.indexDigest]).toEqual([pulled.hash, undefined]);
      using images = await openImages(output);
      expect(knownConfig(images.images[0]!.image).bytes.toString()).toBe(configOf(parts[architecture]));
    }
    const error = await failureOf(pull(`${name}:1`, { architecture: "riscv64" }));
    expect(error).toMatchObject({
      code: "ERR_ARCHIVE",
      details: { wanted: "linux/riscv64", platforms: ["linux/arm64/v8", "linux/amd64", "linux/arm/v7"] },
    });
    expect(await failureOf(pull(`${name}:1`, { architecture: "arm", variant: "v6" }))).toMatchObject({
      code: "ERR_ARCHIVE",
    });
    const single = await put(one);
    expect((await pull(`${single}:1`)).arch).toBe("amd64");
    expect(await failureOf(pull(`${single}:1`, { architecture: "arm64" }))).toMatchObject({
      code: "ERR_ARCHIVE",
    });
  });

  const givesTheArchiveOf = async (skopeo: string): Promise<void> => {
    const skopeosArchive = async (source: string, final: string): Promise<Buffer> => {
      const file = folder.join("skopeo.tar");
      rmSync(file, { force: true });
      await mustRun(skopeo, [
        ...[
          "--insecure-policy",
          "copy",
          "--quiet",
          "--src-tls-verify=false",
          "--override-os=linux",
          "--override-arch=amd64",
        ],
        ...[`docker://${source}`, `docker-archive://${file}:${final}`],
      ]);
      return readFileSync(file);
    };
    const layers = parts.amd64.layers;
    const text = JSON.stringify({
      ...JSON.parse(configOf(parts.amd64)),
      // What Go escapes, and what it leaves as it is.
      config: {
        Cmd: ["<a> & \u2028\u2029 ü \u{1f600}", '"\\'],
        Env: null,
        Labels: {},
        Big: 1,
      },
      created: "2024-05-06T01:02:03.5+02:00",
      docker_version: " 20 \n",
    });
    const odd = text.replace(
      '"Big":1',
      '"Big" : 9007199254740993, "Float" : 1.50E+3, "\\u00e9": "\\/\\u003c"',
    );
    const name = await put((layout) => [
      layout.blob(
        OCI.manifest,
        JSON.stringify({
          ...{ schemaVersion: 2, mediaType: OCI.manifest, config: layout.blob(OCI.config, odd) },
          layers: layers.map((layer, index) =>
            // The repeated one is packed otherwise the second time.
            layout.blob(`${OCI.layer}+gzip`, gzipSync(layer, { level: index === 0 ? 1 : 9 })),
          ),
        }),
      ),
    ]);
    const many = await put(all);
    for (const [source, finalImageName, finalImageTag, whole] of [
      [name, "mine", "7", "docker.io/library/mine:7"],
      [name, "registry.example:5000/a/b", "x_1.2-3", "registry.example:5000/a/b:x_1.2-3"],
      [many, "it/odd", "latest", "docker.io/it/odd:latest"],
    ] as const) {
      const reference = `${source}@${await digestAt(source)}`;
      const options = { architecture: "amd64", archive: "skopeo", finalImageName, finalImageTag } as const;
      const pulled = await pull(reference, options);
      const written = readFileSync(output);
      expect(written.equals(await skopeosArchive(reference, `${finalImageName}:${finalImageTag}`))).toBe(
        true,
      );
      expect(pulled.hash).toBe(`sha256-${Buffer.from(sha256(written), "hex").toString("base64")}`);
      using images = await openImages(output);
      expect(images.images[0]!.references).toEqual([whole]);
    }
  };
  test("gives skopeo's archive for nixpkgs, byte for byte", () => givesTheArchiveOf("skopeo"));
  testWith(["skopeoTrixie"], "which is a newer skopeo's, too", () => givesTheArchiveOf(newerSkopeo));

  test("copes with lines that break and servers that fail", async () => {
    const name = await put(one);
    const before = await pull(`${name}:1`);
    for (const fault of [drop, answering(500), answering(503, { "retry-after": "0" }), answering(429)]) {
      proxy.first(2, /GET \/v2\/it/, fault);
      expect((await pull(`${name}:1`)).hash).toBe(before.hash);
    }
    proxy.seen.length = 0;
    proxy.first(3, /GET .*blobs/, cutAfter(500_000));
    expect((await pull(`${name}:1`)).hash).toBe(before.hash);
    expect(proxy.seen.some(({ headers }) => /^bytes=500000-$/.test(headers.range ?? ""))).toBe(true);
  });

  test("leaves nothing behind when it fails, and what was there before as it was", async () => {
    const name = await put(one);
    const flip: Misbehaviour = (request, response, it) => {
      it.pass(request, response, async function* (pieces) {
        for await (const piece of pieces) {
          piece[piece.length >> 1]! ^= 1;
          yield piece;
        }
      });
      return true;
    };
    writeFileSync(output, "before");
    for (const [what, how, code] of [
      [/GET .*manifests/, answering(404), "ERR_REGISTRY"],
      [/GET .*manifests/, flip, "ERR_DIGEST"],
      [/GET .*blobs/, answering(404), "ERR_REGISTRY"],
      [/GET .*blobs/, flip, "ERR_DIGEST"],
    ] as const) {
      proxy.first(99, what, how);
      expect(await failureOf(pull(`${name}:1`))).toMatchObject({ code });
      // A layer only.
      let seen = 0;
      proxy.first(99, what, (request, response, it) => (seen++ === 0 ? false : how(request, response, it)));
      if (what.source.includes("blobs")) expect(await failureOf(pull(`${name}:1`))).toMatchObject({ code });
    }
    const stop = new AbortController();
    proxy.first(99, /GET .*blobs/, () => {
      stop.abort("enough");
      return true;
    });
    await expect(pull(`${name}:1`, { signal: stop.signal })).rejects.toBe("enough");
    expect(readFileSync(output, "utf8")).toBe("before");
    expect(readdirSync(folder.path)).toEqual(["image.tar"]);
  });

  /** Puts a manifest there as it is, with blobs. */
  const putRaw = async (
    manifest: unknown,
    blobs: readonly (string | Buffer)[] = [],
    type: string = OCI.manifest,
  ): Promise<string> => {
    const name = `it/raw${count++}`;
    const url = `http://${registry.host}/v2/${name}`;
    for (const blob of blobs) {
      const begun = await fetch(`${url}/blobs/uploads/`, { method: "POST" });
      const headers = { "content-type": "application/octet-stream" };
      await fetch(`${begun.headers.get("location")!}&digest=sha256:${sha256(blob)}`, {
        method: "PUT",
        body: blob,
        headers,
      });
    }
    const body = typeof manifest === "string" ? manifest : JSON.stringify(manifest);
    const answer = await fetch(`${url}/manifests/1`, {
      method: "PUT",
      body,
      headers: { "content-type": type },
    });
    expect([answer.status, answer.ok ? "" : await answer.text()]).toEqual([201, ""]);
    return `${proxy.host}/${name}:1`;
  };
  const descriptor = (mediaType: string, bytes: string | Buffer, more: object = {}) => ({
    mediaType,
    digest: `sha256:${sha256(bytes)}`,
    size: Buffer.byteLength(bytes),
    ...more,
  });

  test("refuses what is no image, or not the one that it says", async () => {
    const [layer] = parts.amd64.layers as [Buffer];
    const other = await layerOf({ other: "layer" });
    const config = configOf({ layers: [layer] });
    const manifest = (
      own: object,
      layers: readonly object[],
      configs: object = descriptor(OCI.config, config),
    ) => ({
      ...{ schemaVersion: 2, mediaType: OCI.manifest, config: configs, layers },
      ...own,
    });
    const cases: [string, string, unknown, (string | Buffer)[]][] = [
      [
        "another layer than the diffID's",
        "ERR_DIGEST",
        manifest({}, [descriptor(OCI.layer, other)]),
        [config, other],
      ],
      [
        "a layer too many",
        "ERR_ARCHIVE",
        manifest({}, [descriptor(OCI.layer, layer), descriptor(OCI.layer, other)]),
        [config, layer, other],
      ],
      [
        "a layer that is none",
        "ERR_UNSUPPORTED",
        manifest({}, [descriptor("text/plain", layer)]),
        [config, layer],
      ],
      [
        "a larger layer",
        "ERR_DIGEST",
        manifest({}, [descriptor(OCI.layer, layer, { size: layer.length + 1 })]),
        [config, layer],
      ],
      [
        "a smaller layer",
        "ERR_DIGEST",
        manifest({}, [descriptor(OCI.layer, layer, { size: 5 })]),
        [config, layer],
      ],
      [
        "an artifact",
        "ERR_UNSUPPORTED",
        manifest({}, [], descriptor("application/vnd.x+json", "{}")),
        ["{}"],
      ],
      ["a configuration that is no JSON", "ERR_JSON", manifest({}, [], descriptor(OCI.config, "{")), ["{"]],
      [
        "a configuration that is no object",
        "ERR_ARCHIVE",
        manifest({}, [], descriptor(OCI.config, "[]")),
        ["[]"],
      ],
      [
        "a damaged gzip",
        "ERR_ARCHIVE",
        manifest({}, [descriptor(`${OCI.layer}+gzip`, gzipSync(layer).subarray(0, -9))]),
        [config, gzipSync(layer).subarray(0, -9)],
      ],
    ];
    for (const [what, code, document, blobs] of cases) {
      const reference = await putRaw(document, blobs);
      const error = await failureOf(pull(reference));
      expect([what, error.code]).toEqual([what, code]);
    }
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test("is a command that prints what to pin", async () => {
    const name = await put(all);
    const args = [
      "pull",
      `${name}:1`,
      "-o",
      output,
      "--arch",
      "arm64",
      "--final-image-name",
      "it",
      "--final-image-tag",
      "x",
    ];
    const json = await runMain([...args, "--json"], { environment });
    expect(json.stderr).toMatch(/^layer 1\/2 {2}sha256:[0-9a-f]{12} +2\.\d+ MB {2}fetched$/m);
    for (const drawn of ["\r", "\x1b"]) expect(json.stderr).not.toContain(drawn);
    const facts = JSON.parse(json.stdout.toString()) as Record<string, string>;
    expect(Object.keys(facts).sort()).toEqual(
      [
        ..."arch archive finalImageName finalImageTag hash imageDigest imageName indexDigest os variant warnings".split(
          " ",
        ),
      ].sort(),
    );
    expect(facts).toMatchObject({ arch: "arm64", finalImageName: "it", finalImageTag: "x", imageName: name });
    const plain = await runMain(args, { environment });
    expect(plain.stdout.toString()).toContain(`  hash = "${facts["hash"]!}";\n  archive = "laminix";\n`);
    const nixpkgs = (await runMain([...args, "--for", "nixpkgs"], { environment })).stdout.toString();
    expect(nixpkgs).toContain(
      `  hash = "sha256-${Buffer.from(sha256(readFileSync(output)), "hex").toString("base64")}";\n`,
    );
    expect(nixpkgs).not.toContain("archive");
    const terminal = await runMain(args, { environment, isTerminal: true });
    expect(terminal.stderr).toMatch(/\[#+\.*\] [\d.]+ [kM]?B of [\d.]+ MB {2}2 layers/);
    expect((await runMain(["pull", `${name}:1`], { environment })).code).toBe(2);
    const missing = await runMain(["pull", `${name}:none`, "-o", output, "--json"], { environment });
    expect([missing.code, JSON.parse(missing.stderr).error.code]).toEqual([1, "ERR_REGISTRY"]);
    const wrong = await runMain(["pull", `${name}:A:B`, "-o", output, "--json"], { environment });
    expect(JSON.parse(wrong.stderr).error.code).toBe("ERR_REFERENCE");
  });

  test("asks with the account that Docker knows, a registry that need not prove who it is", async () => {
    await using secret = await startImageRegistry({ auth: { kind: "password" } });
    writeFileSync(folder.join("in.tar"), await archiveOf({ ...parts.amd64, tags: ["a:1"] }));
    await secret.push(folder.join("in.tar"), "private/it:1");
    const auth = Buffer.from(`${account.username}:${account.password}`).toString("base64");
    writeFileSync(folder.join("config.json"), JSON.stringify({ auths: { [secret.host]: { auth } } }));
    const known = { HOME: "/nowhere", DOCKER_CONFIG: folder.path };
    const args = ["pull", `${secret.host}/private/it:1`, "-o", output, "--json", "--verbose"];
    const unproven = await runMain(args, { environment: known });
    expect(JSON.parse(unproven.stderr).error.code).toBe("ERR_REGISTRY_UNREACHABLE");
    const stranger = await runMain([...args, "--no-tls-verify"], { environment });
    expect(JSON.parse(stranger.stderr).error).toMatchObject({
      code: "ERR_REGISTRY_AUTH",
      hint: `log in: docker login ${secret.host}`,
    });
    const pulled = await runMain([...args, "--no-tls-verify"], { environment: known });
    expect(pulled.code).toBe(0);
    for (const { stdout, stderr } of [unproven, stranger, pulled])
      expect(stdout.toString() + stderr).not.toMatch(new RegExp(`${account.password}|${auth}`));
  });
});
