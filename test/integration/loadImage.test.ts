import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
// Threads are started from compiled files.
import {
  exportImage,
  GraphStore,
  type LoadedImages,
  loadImage,
  type LoadOptions,
  streamLayeredImage,
} from "../../dist/index.js";
import { runMain } from "../cli/commandLine.js";
import { type DockerEngine, startDockerEngine } from "../support/dockerEngine.js";
import { sayingImage, sayingLayer } from "../support/engineImages.js";
import { failureOf } from "../support/failure.js";
import { answering, drop, FaultyProxy } from "../support/faultyProxy.js";
import { archiveOf, configOf, Layout, named, sha256 } from "../support/images.js";
import { startImageRegistry } from "../support/imageRegistry.js";
import { startNewerDocker } from "../support/newerDocker.js";
import { type PodmanEngine, startPodmanEngine } from "../support/podmanEngine.js";
import { describeWith } from "../support/requirements.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder("load");
});
afterAll(() => folder[Symbol.asyncDispose]());

let files = 0;
function file(bytes: Buffer): string {
  const path = folder.join(`image-${files++}.tar`);
  writeFileSync(path, bytes);
  return path;
}

/** An archive of one image with these layers above a shell. */
async function saying(tags: readonly string[], ...texts: readonly string[]): Promise<string> {
  const layers = await Promise.all(texts.map((text) => sayingLayer(text)));
  return file(await archiveOf(await sayingImage(tags, ...layers)));
}

/** What was sent in the bodies of loads, which pass through here on their way to an engine. */
class Counted implements AsyncDisposable {
  readonly proxy: FaultyProxy;
  loads = 0;
  bytes = 0;

  constructor(proxy: FaultyProxy) {
    this.proxy = proxy;
    proxy.misbehave = (request, response) => {
      if (request.url?.startsWith("/images/load")) {
        this.loads++;
        request.on("data", (piece: Buffer) => (this.bytes += piece.length));
      }
      proxy.pass(request, response);
      return true;
    };
  }

  get host(): string {
    return `http://${this.proxy.host}`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.proxy[Symbol.asyncDispose]();
  }
}

/** The notes that a load gives, and what came of it. */
async function noted(
  image: Parameters<typeof loadImage>[0],
  options: LoadOptions,
): Promise<LoadedImages & { readonly notes: readonly string[] }> {
  const notes: string[] = [];
  const loaded = await loadImage(image, {
    ...options,
    onProgress: (event) => {
      options.onProgress?.(event);
      if (event.type === "note") notes.push(event.message);
    },
  });
  return { ...loaded, notes };
}

/** Aborts a load when its last layer begins to be sent, and one that has not begun. */
async function abortedLoad(options: LoadOptions): Promise<string> {
  const layers = [await sayingLayer("long", 20_000_000), await sayingLayer("longer", 20_000_000)];
  const archive = file(await archiveOf(await sayingImage(["long:1"], ...layers)));
  const controller = new AbortController();
  const reason = new Error("enough");
  let begun = 0;
  const loading = loadImage(archive, {
    ...options,
    signal: controller.signal,
    onProgress: ({ type }) => {
      if (type === "layer" && ++begun === layers.length + 1) controller.abort(reason);
    },
  });
  await expect(loading).rejects.toBe(reason);
  await expect(loadImage(archive, { ...options, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  return archive;
}

/** What a container of an image would say, by what the engine saves of it. */
async function saidBy(save: (file: string) => Promise<unknown>): Promise<string> {
  const [saved, exported] = [folder.join(`saved-${files++}.tar`), folder.join(`exported-${files++}.tar`)];
  await save(saved);
  await exportImage(saved, { output: exported });
  return execFileSync("tar", ["-xOf", exported, "./says"]).toString().trim();
}

describeWith(["dockerd", "busybox", "docker-registry", "openssl", "skopeo"], "loading into Docker", () => {
  let engine: DockerEngine;
  let line: Counted;
  beforeAll(async () => {
    engine = await startDockerEngine();
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  beforeEach(async () => {
    line = new Counted(await FaultyProxy.start(engine.socket));
  });
  afterEach(async () => {
    await line[Symbol.asyncDispose]();
    const { stdout } = await engine.docker(["images", "--quiet", "--no-trunc"]);
    const ids = [...new Set(stdout.toString().split("\n").filter(Boolean))];
    if (ids.length > 0) await engine.docker(["rmi", "--force", ...ids]);
  });

  const load = (image: Parameters<typeof noted>[0], options: LoadOptions = {}): ReturnType<typeof noted> =>
    noted(image, { host: line.host, ...options });
  const run = async (image: string): Promise<string> =>
    (await engine.docker(["run", "--rm", "--network", "none", image])).stdout.toString().trim();
  const listed = async (): Promise<string[]> => {
    const { stdout } = await engine.docker(["images", "--format", "{{.Repository}}:{{.Tag}}"]);
    return stdout.toString().split("\n").filter(Boolean).sort();
  };

  test("an archive's image runs there, under its names", async () => {
    const archive = await saying(["hello:1", "registry.example/team/hello:2"], "hello");
    const { references, imageIds, sent, layers, layersSent } = await load(archive);
    expect(references).toEqual(["hello:1", "registry.example/team/hello:2"]);
    expect([layers, layersSent, sent]).toEqual([2, 2, line.bytes]);
    for (const name of [...references, ...imageIds]) expect(await run(name)).toBe("hello");
    const { stdout } = await engine.docker(["image", "inspect", "--format", "{{.Id}}", "hello:1"]);
    expect(imageIds).toEqual([stdout.toString().trim()]);
  });

  test("nothing is sent of an image that is there, and a name that it lacks is given to it", async () => {
    const archive = await saying(["docker.io/library/hello:1", "other:2"], "hello");
    await load(archive);
    const again = await load(archive);
    expect(again).toMatchObject({ sent: 0, layers: 2, layersSent: 0, references: ["hello:1", "other:2"] });
    expect(again.notes).toEqual(["Docker has hello:1 already: nothing is sent"]);
    await engine.docker(["tag", "hello:1", "kept:1"]);
    await engine.docker(["rmi", "hello:1", "other:2"]);
    await load(archive);
    expect(await listed()).toEqual(["hello:1", "kept:1", "other:2"]);
    expect(line.loads).toBe(1);
    expect(line.proxy.count(/\/tag/)).toBe(2);
  });

  test("of an image with another uppermost layer only that is sent", async () => {
    await load(await saying(["hello:1"], "a", "b", "c"));
    line.bytes = 0;
    const next = await load(await saying(["hello:2"], "a", "b", "d"));
    expect(next).toMatchObject({ layers: 4, layersSent: 1, sent: line.bytes });
    expect(next.notes).toEqual(["Docker has 3 of 4 layers already"]);
    expect(line.bytes).toBeLessThan(30_000);
    expect([await run("hello:2"), await run("hello:1")]).toEqual(["d", "c"]);
  });

  test("a layer that Docker has on top of others is sent where it is to lie on these", async () => {
    await load(await saying(["hello:1"], "a", "b", "c"));
    const next = await load(await saying(["hello:2"], "a", "x", "c"));
    expect(next.layersSent).toBe(2);
    expect(await run("hello:2")).toBe("c");
    // The same layer at the bottom and further up.
    expect((await load(await saying(["hello:3"], "a", "x", "a"))).layersSent).toBe(1);
    expect(await run("hello:3")).toBe("a");
  });

  test("an image that is removed meanwhile is sent whole", async () => {
    await load(await saying(["hello:1"], "a", "b"));
    line.loads = line.bytes = 0;
    const next = await load(await saying(["hello:2"], "a", "c"), {
      onProgress: ({ type }) => {
        if (type === "note")
          execFileSync("docker", ["rmi", "--force", "hello:1"], {
            env: { ...process.env, ...engine.env },
            stdio: "ignore",
          });
      },
    });
    expect(next.layersSent).toBe(3);
    expect(next.sent).toBe(line.bytes);
    expect(next.notes.at(-1)).toContain("all are sent");
    expect([await run("hello:2"), line.loads]).toEqual(["c", 2]);
  });

  test("compressed archives, layouts and images that were built here are loaded too", async () => {
    const part = await sayingImage(["packed:1"], await sayingLayer("packed"));
    expect((await load(file(gzipSync(await archiveOf(part))))).references).toEqual(["packed:1"]);
    expect(await run("packed:1")).toBe("packed");

    const layout = new Layout(folder.join("layout"));
    const other = await sayingImage([], await sayingLayer("laid out"));
    layout.index([
      named(
        layout.image(other, (layer) => gzipSync(layer), "+gzip"),
        "laid:1",
      ),
    ]);
    // The shell is there already.
    expect(await load(layout.folder)).toMatchObject({ references: ["laid:1"], layers: 2, layersSent: 1 });
    expect(await run("laid:1")).toBe("laid out");

    const contents = folder.join("contents");
    mkdirSync(contents);
    writeFileSync(`${contents}/says`, "built\n");
    const spec = {
      ...{ name: "built", tag: "1", contents: [contents], includeStorePaths: false },
      ...{ fromImage: file(await archiveOf(part)), config: { Cmd: ["/bin/busybox", "cat", "/says"] } },
    };
    await using built = await streamLayeredImage(spec, { store: GraphStore.parse("[]", "graph.json") });
    expect(await load(built)).toMatchObject({ references: ["built:1"], layers: 3, layersSent: 1 });
    expect(await run("built:1")).toBe("built");
  });

  test("of an image in a registry only layers are fetched that Docker lacks", async () => {
    await using registry = await startImageRegistry({ plain: true });
    await using requests = await FaultyProxy.start(registry.host);
    const archive = await saying(["hello:1"], "a", "b");
    await registry.push(archive, "hello:1");
    await load(await saying(["hello:0"], "a"));
    const { references, layers, layersSent } = await load(`docker://${requests.host}/hello:1`);
    expect(references).toEqual([`${requests.host}/hello:1`]);
    expect([layers, layersSent]).toEqual([3, 1]);
    expect(await run(references[0]!)).toBe("b");
    // The configuration, and the one layer.
    expect(requests.count(/GET .*\/blobs\//)).toBe(2);
  });

  test("the command line prints the names, or the IDs of images without any, and tells what it sends", async () => {
    const situation = { environment: { DOCKER_HOST: engine.host } };
    const archive = await saying(["hello:1", "hello:2"], "hello");
    const first = await runMain(["load", archive], situation);
    expect([first.code, first.stdout.toString()]).toEqual([0, "hello:1\nhello:2\n"]);
    const lines = first.stderr.trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[2]).toMatch(/^2 of 2 layers {2}\S+ MB sent$/);
    const again = await runMain(["load", archive, "--json"], situation);
    expect(JSON.parse(again.stdout.toString())).toEqual({
      references: ["hello:1", "hello:2"],
      imageIds: [expect.stringMatching(/^sha256:[0-9a-f]{64}$/)],
      ...{ sent: 0, layers: 2, layersSent: 0, warnings: [] },
    });
    expect(again.stderr).toBe("");
    const told = await runMain(["load", archive], situation);
    expect(told.stderr).toBe("Docker has hello:1 already: nothing is sent\n0 of 2 layers  0 B sent\n");

    const untagged = await runMain(["load", await saying([], "no name"), "--quiet"], situation);
    const [id = ""] = untagged.stdout.toString().split("\n");
    expect([id, untagged.stderr]).toEqual([expect.stringMatching(/^sha256:/), ""]);
    expect(await run(id)).toBe("no name");
  });

  test("the command line makes an image of folders and loads it", async () => {
    const contents = folder.join("Contents");
    mkdirSync(contents);
    writeFileSync(`${contents}/says`, "folder\n");
    writeFileSync(folder.join("graph.json"), "[]");
    const base = await saying(["base:1"]);
    const args = ["load", contents, "--from-image", base, "--graph", folder.join("graph.json"), "--tag", "1"];
    const { code, stdout, stderr } = await runMain([...args, "--host", engine.host]);
    expect([code, stdout.toString()], stderr).toEqual([0, "contents:1\n"]);
    expect(await run("contents:1")).toBe("folder");
  });

  test("an image whose bytes turn out to be wrong is not loaded, and the error is that of its reading", async () => {
    const part = await sayingImage(["wrong:1"], await sayingLayer("wrong"));
    const archive = await archiveOf(part);
    archive[archive.indexOf("padding-wrong") + 600]! ^= 1;
    const error = await failureOf(load(file(archive)));
    expect(error.code).toBe("ERR_DIGEST");
    expect(await listed()).toEqual([]);
  });

  test("an abort ends a load in its middle, and nothing of the image is there", async () => {
    const archive = await abortedLoad({ host: engine.host });
    expect(await listed()).toEqual([]);
    expect((await load(archive)).layersSent).toBe(3);
  });

  test("a line that breaks in the middle is an error", async () => {
    const archive = file(await archiveOf(await sayingImage(["cut:1"], await sayingLayer("cut", 20_000_000))));
    let received = 0;
    line.proxy.first(1, /images\/load/, (request, response) => {
      request.on("data", (piece: Buffer) => {
        received += piece.length;
        if (received > 5_000_000) drop(request, response);
      });
      return true;
    });
    expect(await failureOf(load(archive))).toMatchObject({
      code: "ERR_ENGINE_UNREACHABLE",
      message: expect.stringContaining("the line broke"),
      hint: expect.stringContaining("log"),
    });
    expect(await listed()).toEqual([]);
  });

  test("what Docker answers to an image that it does not take is told", async () => {
    const archive = await saying(["refused:1"], "refused");
    const refusals: [number, string, string][] = [
      [500, '{"message":"no space left on device"}', "no space left on device"],
      [
        200,
        '{"stream":"Loading"}\r\n{"errorDetail":{"message":"no"},"error":"no space left on device"}\r\n',
        "no space",
      ],
      [503, "<html>", "it answers 503 to POST /images/load"],
      [200, "", "does not have it"],
    ];
    for (const [status, body, message] of refusals) {
      line.proxy.first(1, /images\/load/, answering(status, {}, body));
      expect(await failureOf(load(archive))).toMatchObject({
        code: "ERR_ENGINE",
        message: expect.stringContaining(message),
      });
    }
  });
});

describeWith(["podman", "busybox"], "loading into podman", () => {
  let engine: PodmanEngine;
  let line: Counted;
  beforeAll(async () => {
    engine = await startPodmanEngine();
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  beforeEach(async () => {
    line = new Counted(await FaultyProxy.start(engine.socket));
  });
  afterEach(async () => {
    await line[Symbol.asyncDispose]();
    await engine.podman(["rmi", "--all", "--force"]);
  });

  const load = (image: Parameters<typeof noted>[0], options: LoadOptions = {}): ReturnType<typeof noted> =>
    noted(image, { engine: "podman", host: line.host, ...options });
  const says = (image: string): Promise<string> =>
    saidBy((saved) => engine.podman(["save", "--output", saved, image]));

  test("an archive's image is there under its names, and the second time nothing is sent", async () => {
    const archive = await saying(["hello:1", "registry.example/team/hello:2"], "hello");
    const first = await load(archive);
    expect(first.references).toEqual(["localhost/hello:1", "registry.example/team/hello:2"]);
    expect([first.layers, first.layersSent, first.sent]).toEqual([2, 2, line.bytes]);
    for (const name of [...first.references, "hello:1"]) expect(await says(name)).toBe("hello");
    const { stdout } = await engine.podman(["image", "inspect", "--format", "{{.Id}}", "hello:1"]);
    expect(first.imageIds).toEqual([`sha256:${stdout.toString().trim()}`]);

    await engine.podman(["untag", "hello:1", "localhost/hello:1"]);
    const again = await load(archive);
    expect(again).toMatchObject({ sent: 0, layersSent: 0, references: first.references });
    expect(again.notes).toEqual(["podman has localhost/hello:1 already: nothing is sent"]);
    expect(await says("localhost/hello:1")).toBe("hello");
    expect(line.loads).toBe(1);
  });

  test("only layers that it lacks are sent, wherever they lie", async () => {
    await load(await saying(["hello:1"], "a", "b", "c"));
    line.bytes = 0;
    const next = await load(await saying(["hello:2"], "c", "x", "a"));
    expect(next).toMatchObject({ layers: 4, layersSent: 1, sent: line.bytes });
    expect(next.notes).toEqual(["podman has 3 of 4 layers already"]);
    expect(line.bytes).toBeLessThan(30_000);
    expect([await says("hello:2"), await says("hello:1")]).toEqual(["a", "c"]);
  });

  test("an image that is removed meanwhile is sent whole", async () => {
    await load(await saying(["hello:1"], "a", "b"));
    line.proxy.first(1, /images\/load/, async () => {
      await engine.podman(["rmi", "--force", "hello:1"]);
      return false;
    });
    const next = await load(await saying(["hello:2"], "a", "c"));
    expect(next.layersSent).toBe(3);
    expect(next.notes.at(-1)).toContain("all are sent");
    expect(await says("hello:2")).toBe("c");
  });

  test("several images of an archive are loaded, and those without a name", async () => {
    const parts = [
      await sayingImage(["one:1"], await sayingLayer("one")),
      await sayingImage([], await sayingLayer("nameless")),
    ];
    const { references, imageIds, layers, layersSent } = await load(
      file(gzipSync(await archiveOf(...parts))),
    );
    expect(references).toEqual(["localhost/one:1"]);
    // The shell is sent with the first.
    expect([layers, layersSent]).toEqual([4, 3]);
    expect(imageIds).toEqual(parts.map((part) => `sha256:${sha256(configOf(part))}`));
    for (const [i, text] of ["one", "nameless"].entries()) expect(await says(imageIds[i]!)).toBe(text);
  });

  test("an abort ends a load in its middle, and nothing of the image is there", async () => {
    const archive = await abortedLoad({ engine: "podman", host: engine.host });
    expect((await engine.podman(["images", "--quiet"])).stdout.toString()).toBe("");
    expect((await load(archive)).layersSent).toBe(3);
  });

  test("what podman says where it does not take an image is told", async () => {
    const answer = '{"cause":"x","message":"failed to load image"}';
    line.proxy.first(1, /images\/load/, answering(500, {}, answer));
    expect(await failureOf(load(await saying(["refused:1"], "refused")))).toMatchObject({
      code: "ERR_ENGINE",
      message: expect.stringMatching(/podman at .* refuses: failed to load image/),
    });
  });
});

describeWith(["dockerTrixie", "busybox"], "loading into Docker with containerd's image store", () => {
  let engine: DockerEngine;
  beforeAll(async () => {
    engine = await startNewerDocker("containerd");
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  const load = (image: Parameters<typeof noted>[0]): ReturnType<typeof noted> =>
    noted(image, { host: engine.host });

  test("an abort ends a load in its middle, and nothing of the image is there", async () => {
    await abortedLoad({ host: engine.host });
    expect((await engine.docker(["images", "--quiet"])).stdout.toString()).toBe("");
  });

  test("an image is sent whole, which is said, and nothing of one that is there", async () => {
    const archive = await saying(["hello:1", "registry.example/team/hello:2"], "a", "b");
    const first = await load(archive);
    expect(first).toMatchObject({ layers: 3, layersSent: 3 });
    expect(first.references).toEqual(["hello:1", "registry.example/team/hello:2"]);
    expect(first.notes).toEqual([
      "Docker with containerd's image store takes whole images only: all layers are sent",
    ]);
    await engine.docker(["rmi", "hello:1"]);
    const again = await load(archive);
    expect(again).toMatchObject({ sent: 0, layersSent: 0, references: first.references });
    const { stdout } = await engine.docker(["image", "inspect", "--format", "{{.Id}}", ...first.references]);
    const [id = ""] = first.imageIds;
    expect(stdout.toString()).toBe(`${id}\n${id}\n`);
  });

  test("an image has all that saving it takes, whatever the engine had of it", async () => {
    await load(await saying(["hello:3"], "a", "b"));
    expect(await load(await saying(["hello:4"], "a", "c"))).toMatchObject({ layers: 3, layersSent: 3 });
    expect(await saidBy((saved) => engine.docker(["save", "--output", saved, "hello:4"]))).toBe("c");
  });
});

describeWith(["dockerTrixie", "busybox"], "loading into a newer Docker with its own image store", () => {
  let engine: DockerEngine;
  beforeAll(async () => {
    engine = await startNewerDocker("docker");
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  test("only what it lacks is sent, and nothing the second time", async () => {
    const load = (image: string): ReturnType<typeof noted> => noted(image, { host: engine.host });
    const archive = await saying(["hello:1"], "a", "b");
    expect(await load(archive)).toMatchObject({ layers: 3, layersSent: 3 });
    expect(await load(archive)).toMatchObject({ sent: 0, layersSent: 0 });
    expect(await load(await saying(["hello:2"], "a", "c"))).toMatchObject({ layers: 3, layersSent: 1 });
    expect(await saidBy((saved) => engine.docker(["save", "--output", saved, "hello:2"]))).toBe("c");
  });
});

describe("an engine that is not there", () => {
  test.each([
    ["docker", "there is no such socket", "DOCKER_HOST"],
    ["podman", "there is no such socket", "CONTAINER_HOST"],
  ] as const)("is an error with a hint: %s", async (engine, reason, hint) => {
    const archive = await saying(["a:1"], "a");
    const host = `unix://${folder.join("absent.sock")}`;
    expect(await failureOf(loadImage(archive, { engine, host }))).toMatchObject({
      code: "ERR_ENGINE_UNREACHABLE",
      message: expect.stringContaining(reason),
      hint: expect.stringContaining(hint),
      details: { engine, host },
    });
  });

  test("or is something else is an error too", async () => {
    const archive = await saying(["a:1"], "a");
    let answer: string | undefined;
    const server = createServer((_request, response) => {
      if (answer === undefined) response.destroy();
      else response.end(answer);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const host = `tcp://127.0.0.1:${port}`;
    try {
      expect((await failureOf(loadImage(archive, { host }))).message).toContain("the line broke");
      for (const [body, message] of [
        ["<html>", "its answer is not JSON"],
        ["{}", "it does not say which image"],
      ] as const) {
        answer = body;
        expect(await failureOf(loadImage(archive, { host }))).toMatchObject({
          code: "ERR_ENGINE",
          message: expect.stringContaining(message),
        });
      }
    } finally {
      server.closeAllConnections();
      server.close();
    }
    expect(await failureOf(loadImage(archive, { host }))).toMatchObject({
      code: "ERR_ENGINE_UNREACHABLE",
      message: expect.stringContaining("nothing listens there"),
    });
  });

  test("is not asked for what is no image here", async () => {
    const host = `unix://${folder.join("absent.sock")}`;
    expect(await failureOf(loadImage(folder.join("absent.tar"), { host }))).toMatchObject({
      code: "ERR_FILE_READ",
    });
    expect(await failureOf(loadImage("docker://nginx:", { host }))).toMatchObject({ code: "ERR_REFERENCE" });
    for (const [image, options] of [
      [1, {}],
      ["a", { engine: "containerd" }],
      ["a", { host: 1 }],
      ["a", { environment: 1 }],
    ]) {
      const wrong = loadImage as (image: unknown, options: unknown) => Promise<unknown>;
      expect(await failureOf(wrong(image, options))).toMatchObject({ code: "ERR_ARGUMENT" });
    }
  });
});
