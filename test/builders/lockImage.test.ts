/** Locks: manifests of a registry in a file; and single blobs of one. What Nix makes of them is in nixFunctions.test.ts. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { lockImage } from "../../dist/index.js";
import { type Outcome, runMain } from "../cli/commandLine.js";
import { failureOf } from "../support/failure.js";
import { configOf, layerOf, OCI, onPlatform, sha256 } from "../support/images.js";
import { type ImageRegistry, startImageRegistry } from "../support/imageRegistry.js";
import { replaceBlob } from "../support/registryStorage.js";
import { describeWith } from "../support/requirements.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

interface Lock {
  readonly lockVersion: number;
  readonly imageName: string;
  readonly imageTag?: string;
  readonly manifests: readonly {
    readonly os: string;
    readonly architecture: string;
    readonly variant?: string;
    readonly mediaType: string;
    readonly digest: string;
    readonly manifest: readonly string[];
  }[];
}

describeWith(["docker-registry", "openssl"], "locking", () => {
  const environment = { HOME: "/nowhere" };
  let registry: ImageRegistry;
  let folder: TemporaryFolder;
  let output: string;
  /** Packed. */
  let layer: Buffer;
  /** The configurations, by architecture. */
  let configs: Readonly<Record<"amd64" | "arm64", string>>;

  beforeAll(async () => {
    registry = await startImageRegistry({ plain: true });
    const plain = await layerOf({ "etc/base": "base" });
    layer = gzipSync(plain);
    const of = (architecture: string): string => configOf({ layers: [plain], architecture });
    configs = { amd64: of("amd64"), arm64: of("arm64") };
    for (const blob of [layer, configs.amd64, configs.arm64]) await put("POST", "blobs/uploads/", blob);
    for (const architecture of ["amd64", "arm64"] as const)
      await put("PUT", `manifests/${architecture}`, manifestOf(architecture), OCI.manifest);
    await put("PUT", "manifests/1", indexOf(), OCI.index);
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    folder = await temporaryFolder("lock");
    output = folder.join("it.lock.json");
    return () => folder[Symbol.asyncDispose]();
  });

  const descriptor = (mediaType: string, bytes: string | Buffer, more: object = {}) => ({
    mediaType,
    digest: `sha256:${sha256(bytes)}`,
    size: Buffer.byteLength(bytes),
    ...more,
  });
  /** As builders write them: with indentation, a line feed at the end, and no ASCII only. */
  const manifestOf = (architecture: "amd64" | "arm64", more: object = {}): string => {
    const config = descriptor(OCI.config, configs[architecture]);
    const layers = [descriptor(`${OCI.layer}+gzip`, layer)];
    const annotations = { note: "größer" };
    const parts = { schemaVersion: 2, mediaType: OCI.manifest, config, layers, annotations, ...more };
    return `${JSON.stringify(parts, undefined, 2)}\n`;
  };
  const indexOf = (): string => {
    const manifests = [
      onPlatform(descriptor(OCI.manifest, manifestOf("amd64")), "amd64"),
      onPlatform(descriptor(OCI.manifest, manifestOf("arm64")), "arm64", "v8"),
    ];
    return JSON.stringify({ schemaVersion: 2, mediaType: OCI.index, manifests });
  };
  const put = async (method: string, where: string, body: string | Buffer, type?: string): Promise<void> => {
    const url = `http://${registry.host}/v2/it/image/${where}`;
    const place = type === undefined ? (await fetch(url, { method })).headers.get("location") : undefined;
    const to = place ? `${place}&digest=sha256:${sha256(body)}` : url;
    const headers = { "content-type": type ?? "application/octet-stream" };
    const answer = await fetch(to, { method: "PUT", body, headers });
    expect([answer.status, answer.ok ? "" : await answer.text()]).toEqual([201, ""]);
  };
  const name = (tag = "1"): string => `${registry.host}/it/image:${tag}`;
  const lockIn = (file: string): Lock => JSON.parse(readFileSync(file, "utf8")) as Lock;
  const lock = (...args: readonly string[]): Promise<Outcome> =>
    runMain(["lock", ...args, "-o", output], { environment });
  const amd64 = { os: "linux", architecture: "amd64" };
  const arm64 = { os: "linux", architecture: "arm64" };

  test("writes manifests as they are, by their lines, for the platforms that are asked for", async () => {
    const size = layer.length + configs.amd64.length;
    expect(await lockImage(name(), { output, environment, platforms: [arm64, amd64] })).toEqual({
      path: output,
      imageName: `${registry.host}/it/image`,
      imageTag: "1",
      manifests: [
        {
          ...{ platform: { ...arm64, variant: "v8" }, layers: 1, size },
          digest: `sha256:${sha256(manifestOf("arm64"))}`,
        },
        {
          ...{ platform: { ...amd64, variant: undefined }, layers: 1, size },
          digest: `sha256:${sha256(manifestOf("amd64"))}`,
        },
      ],
    });
    const { manifests, ...where } = lockIn(output);
    expect(where).toEqual({ lockVersion: 1, imageName: `${registry.host}/it/image`, imageTag: "1" });
    expect(manifests.map(({ manifest, ...told }) => [manifest.join("\n"), told])).toEqual(
      (["arm64", "amd64"] as const).map((architecture) => [
        manifestOf(architecture),
        {
          ...{ os: "linux", architecture, ...(architecture === "arm64" && { variant: "v8" }) },
          ...{ mediaType: OCI.manifest, digest: `sha256:${sha256(manifestOf(architecture))}` },
        },
      ]),
    );
  });

  test("takes one image whatever it is for, and no tag where there is none", async () => {
    await lockImage(name("arm64"), { output, environment });
    expect(lockIn(output)).toMatchObject({ imageTag: "arm64", manifests: [arm64] });
    const digest = `sha256:${sha256(manifestOf("arm64"))}`;
    await lockImage(`${registry.host}/it/image@${digest}`, { output, environment });
    expect(lockIn(output).imageTag).toBeUndefined();
    expect(lockIn(output).manifests[0]!.digest).toBe(digest);
    const error = await failureOf(lockImage(name("arm64"), { output, environment, platforms: [amd64] }));
    expect(error).toMatchObject({ code: "ERR_ARCHIVE", details: { platforms: ["linux/arm64"] } });
  });

  test("is a command, which writes the same again", async () => {
    const flags = ["--platform", "linux/arm64/v8", "--platform", "linux/amd64"];
    const { code, stdout, stderr } = await lock(name(), ...flags);
    expect([code, stderr]).toEqual([0, `${output}\n`]);
    const lines = stdout.toString().split("\n");
    expect(lines[0]).toMatch(/^linux\/arm64\/v8 {2}sha256:[0-9a-f]{64} {2}1 layer {2}\d+ B$/);
    expect(lines).toHaveLength(3);
    const before = readFileSync(output, "utf8");
    const printed = await runMain(["lock", name(), ...flags, "-o", "-", "--json"], { environment });
    expect(printed.stdout.toString()).toBe(before);
    expect(JSON.parse(printed.stderr)).toMatchObject({ output: "-", imageTag: "1" });
  });

  test("refuses what could not be fetched from it, and leaves the file as it was", async () => {
    writeFileSync(output, "before");
    const foreign = descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", layer, {
      urls: ["https://elsewhere.example/layer"],
    });
    const huge = descriptor(`${OCI.layer}+gzip`, layer, { size: 2 ** 36 + 1 });
    for (const [tag, more, code, message] of [
      ["foreign", { layers: [foreign] }, "ERR_UNSUPPORTED", /non-distributable layer/],
      ["huge", { layers: [huge] }, "ERR_ARCHIVE", /more than 64 GiB: sha256:/],
      ["odd", { layers: [descriptor("text/plain", layer)] }, "ERR_UNSUPPORTED", /type text\/plain/],
    ] as const) {
      await put("PUT", `manifests/${tag}`, manifestOf("amd64", more), OCI.manifest);
      const error = await failureOf(lockImage(name(tag), { output, environment }));
      expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    }
    expect(await failureOf(lockImage(name("none"), { output, environment }))).toMatchObject({
      code: "ERR_REGISTRY",
      details: { status: 404 },
    });
    expect([readFileSync(output, "utf8"), readdirSync(folder.path)]).toEqual(["before", ["it.lock.json"]]);
  });

  test("blobs are fetched by their digests, one at a time, and checked", async () => {
    const digest = `sha256:${sha256(layer)}`;
    const blob = (reference: string, size: number): Promise<Outcome> =>
      runMain(["blob", reference, "--size", String(size), "-o", folder.join("blob"), "--json", "--quiet"], {
        environment,
      });
    const reference = `${registry.host}/it/image@${digest}`;
    expect(await blob(reference, layer.length)).toMatchObject({ code: 0 });
    expect(readFileSync(folder.join("blob")).equals(layer)).toBe(true);
    const failing = async (wanted: string, size: number): Promise<unknown> => {
      const { code, stderr } = await blob(wanted, size);
      return [code, (JSON.parse(stderr) as { error: { code: string } }).error.code];
    };
    expect(await failing(reference, layer.length - 1)).toEqual([1, "ERR_DIGEST"]);
    expect(await failing(name(), layer.length)).toEqual([1, "ERR_REFERENCE"]);
    expect(await failing(`${registry.host}/it/image@sha256:${"0".repeat(64)}`, 1)).toEqual([
      1,
      "ERR_REGISTRY",
    ]);
    const changed = Buffer.from(layer);
    changed[20]! ^= 1;
    replaceBlob(registry.storage, digest, changed);
    expect(await failing(reference, layer.length)).toEqual([1, "ERR_DIGEST"]);
    expect(readFileSync(folder.join("blob")).equals(layer)).toBe(true);
  });
});
