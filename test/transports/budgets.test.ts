/** What strangers wrote is read within bounds of memory, wherever it stands. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GraphStore, streamLayeredImage } from "../../dist/index.js";
import { parseSpec } from "../../dist/spec/specFile.js";
import { exportPieces } from "../../dist/builders/exportImage.js";
import { knownConfig } from "../../dist/image/image.js";
import { openImages } from "../../dist/transports/open.js";
import { UnpackBudget } from "../../dist/transports/unpackBudget.js";
import { jsonBomb, member, paxBomb } from "../support/bombs.js";
import { archiveItems, archiveOf, layerOf, Layout, OCI, sha256, tarOf } from "../support/images.js";
import { projectRoot, run } from "../support/run.js";
import { moduleUrl, runScript } from "../support/script.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

let folder: TemporaryFolder;
let registry: { readonly host: string; readonly server: Server };
/** What the registry has, by the ends of URLs. */
const contents = new Map<string, { readonly type: string; readonly bytes: Buffer }>();

beforeAll(async () => {
  folder = await temporaryFolder("budgets");
  const server = createServer((request, response) => {
    const found = contents.get(request.url?.replace(/.*\//, "") ?? "");
    if (request.url === "/v2/") response.end();
    else if (found) response.setHeader("content-type", found.type).end(found.bytes);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  registry = { server, host: `127.0.0.1:${String((server.address() as AddressInfo).port)}` };
});
afterAll(async () => {
  registry.server.closeAllConnections();
  registry.server.close();
  await folder[Symbol.asyncDispose]();
});

interface Outcome {
  /** `none` where nothing was thrown. */
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  /** Megabytes of memory, at the most. */
  readonly memory: number;
}

/** What comes of a piece of work in a process that has little memory. */
async function outcomeOf(work: string): Promise<Outcome> {
  const script = `
    const { openImages } = await import(${JSON.stringify(moduleUrl("transports/open.js"))});
    const { exportPieces } = await import(${JSON.stringify(moduleUrl("builders/exportImage.js"))});
    let end = { code: "none", message: "" };
    try { ${work} } catch ({ code, message, hint }) { end = { code, message, hint }; }
    print({ ...end, memory: process.resourceUsage().maxRSS / 1024 });
  `;
  const result = await runScript(script, {
    env: { ...process.env, NODE_OPTIONS: "--max-old-space-size=250" },
    timeout: 60_000,
  });
  expect([result.code, result.stderr]).toEqual([0, ""]);
  return JSON.parse(result.stdout.toString()) as Outcome;
}

const opening = (place: string): string => `(await openImages(${JSON.stringify(place)})).close();`;
const exporting = (place: string): string => `for await (const _ of exportPieces(${JSON.stringify(place)}));`;

function written(name: string, bytes: string | Uint8Array): string {
  const file = folder.join(name);
  writeFileSync(file, bytes);
  return file;
}

/** An image in the registry. */
function served(
  name: string,
  { config, layer }: { readonly config: string; readonly layer: Buffer },
): string {
  const blob = (type: string, bytes: Buffer): object => {
    const digest = `sha256:${sha256(bytes)}`;
    contents.set(digest, { type, bytes });
    return { mediaType: type, digest, size: bytes.length };
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI.manifest,
    config: blob(OCI.config, Buffer.from(config)),
    layers: [blob(OCI.layer, layer)],
  };
  contents.set(name, { type: OCI.manifest, bytes: Buffer.from(JSON.stringify(manifest)) });
  return `docker://${registry.host}/it:${name}`;
}

/** A configuration of one layer. */
const configFor = (layer: Buffer, more = ""): string =>
  `"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:${sha256(layer)}"]}${more}`;

describe("fifteen megabytes of empty objects", () => {
  const expected = {
    code: "ERR_JSON",
    message: expect.stringMatching(/more than [12],000,000 values/) as string,
  };
  let layer: Buffer;
  let config: string;
  beforeAll(async () => {
    layer = await layerOf({ file: "x" });
    config = jsonBomb(`${configFor(layer)},`);
  });

  test("in five configurations of an archive of 100 kB are refused", async () => {
    const configs = Array.from({ length: 5 }, (_, i) => ({ name: `${String(i)}.json`, body: config }));
    const manifest = configs.map(({ name }) => ({ Config: name, RepoTags: null, Layers: ["layer"] }));
    const archive = gzipSync(
      await tarOf([
        ...configs,
        { name: "layer", body: layer },
        { name: "manifest.json", body: JSON.stringify(manifest) },
      ]),
    );
    expect(archive.length).toBeLessThan(200_000);
    const outcome = await outcomeOf(opening(written("bomb.tar.gz", archive)));
    expect(outcome).toMatchObject(expected);
    expect(outcome.memory).toBeLessThan(300);
  });

  test("in a layout, its configurations or its index, are refused", async () => {
    const layout = new Layout(folder.join("layout"));
    const manifest = {
      schemaVersion: 2,
      config: layout.blob(OCI.config, config),
      layers: [layout.blob(OCI.layer, layer)],
    };
    layout.index([layout.blob(OCI.manifest, JSON.stringify(manifest))]);
    const outcome = await outcomeOf(opening(layout.folder));
    expect(outcome).toMatchObject(expected);
    expect(outcome.memory).toBeLessThan(300);
    writeFileSync(folder.join("layout/index.json"), jsonBomb());
    await expect(openImages(layout.folder)).rejects.toMatchObject(expected);
  });

  test("in a registry are refused", async () => {
    const outcome = await outcomeOf(opening(served("json", { config, layer })));
    expect(outcome).toMatchObject(expected);
    expect(outcome.memory).toBeLessThan(300);
  });

  test("in a spec are refused", async () => {
    const spec = written("spec.json", jsonBomb());
    const outcome = await outcomeOf(
      `const { parseSpec } = await import(${JSON.stringify(moduleUrl("spec/specFile.js"))});
       const { readText } = await import(${JSON.stringify(moduleUrl("files/readText.js"))});
       parseSpec(readText(${JSON.stringify(spec)}), "spec.json");`,
    );
    expect(outcome).toMatchObject(expected);
    expect(outcome.memory).toBeLessThan(300);
  });
});

describe("a PAX header of 94,000 records before 300 members", () => {
  const expected = { code: "ERR_ARCHIVE", message: expect.stringContaining("PAX records") as string };
  const bomb = Buffer.concat([paxBomb(), Buffer.alloc(1024)]);

  test("is refused as an archive", async () => {
    const outcome = await outcomeOf(opening(written("pax.tar.gz", gzipSync(bomb))));
    expect(outcome).toMatchObject(expected);
    expect(outcome.memory).toBeLessThan(300);
  });

  test("is refused as a layer of an archive that is built upon", async () => {
    const archive = written("paxLayer.tar.gz", gzipSync(await archiveOf({ layers: [bomb] })));
    // Whose files go where the base has folders, or links to folders.
    const contents = folder.join("contents");
    mkdirSync(path.join(contents, "bin"), { recursive: true });
    const spec = JSON.stringify({ name: "on", fromImage: archive, contents: [contents] });
    const outcome = await outcomeOf(
      `const store = laminix.GraphStore.parse("[]", "an empty graph");
       const image = await laminix.streamLayeredImage(${spec}, { store });
       for await (const _ of image.pieces());`,
    );
    expect(outcome).toMatchObject(expected);
    expect(outcome.memory).toBeLessThan(300);
  });

  test("is refused as a layer in a layout or a registry that is exported", async () => {
    const layout = new Layout(folder.join("paxLayout"));
    layout.index([layout.image({ layers: [bomb] })]);
    const exported = async (): Promise<void> => {
      for await (const _ of exportPieces(layout.folder));
    };
    await expect(exported()).rejects.toMatchObject(expected);
    const remote = served("pax", { config: `{${configFor(bomb)}}`, layer: bomb });
    const outcome = await outcomeOf(exporting(remote));
    expect(outcome).toMatchObject(expected);
    expect(outcome.memory).toBeLessThan(300);
  });
});

describe("an archive of images", () => {
  test("may name one image ten thousand times, which is read once", async () => {
    const items = archiveItems([{ layers: [await layerOf({ file: "x" })] }]);
    const [entry] = JSON.parse(
      items.find(({ name }) => name === "manifest.json")?.body as string,
    ) as unknown[];
    const many = items.map((item) =>
      item.name === "manifest.json"
        ? { ...item, body: JSON.stringify(Array.from({ length: 10_000 }, () => entry)) }
        : item,
    );
    using opened = await openImages(written("many.tar", await tarOf(many)));
    expect(opened.images).toHaveLength(10_000);
    expect(new Set(opened.images.map(({ image }) => knownConfig(image))).size).toBe(1);
  });

  test("with more layers than anybody has is refused before they are looked at", async () => {
    const layer = await layerOf({ file: "x" });
    const diffIds = Array.from({ length: 127 }, () => `sha256:${sha256(layer)}`);
    const config = JSON.stringify({ os: "linux", architecture: "amd64", rootfs: { diff_ids: diffIds } });
    const entry = { Config: "config", RepoTags: null, Layers: diffIds.map(() => "layer") };
    const archive = await tarOf([
      { name: "config", body: config },
      { name: "layer", body: layer },
      { name: "manifest.json", body: JSON.stringify(Array.from({ length: 1000 }, () => entry)) },
    ]);
    await expect(openImages(written("layers.tar", archive))).rejects.toMatchObject({
      code: "ERR_ARCHIVE",
      message: expect.stringContaining("more than 100000 layers") as string,
    });
  });

  test("with a member that no disk has a name for is refused", async () => {
    const archive = Buffer.concat([member(`${"d/".repeat(100_000)}f`), Buffer.alloc(1024)]);
    await expect(openImages(written("deep.tar", archive))).rejects.toMatchObject({
      code: "ERR_ARCHIVE",
      message: expect.stringContaining("has a path that is too long") as string,
    });
  });
});

describe("--max-unpacked (maxUnpacked)", () => {
  let packed: Buffer;
  let layer: Buffer;
  beforeAll(async () => {
    layer = await tarOf([{ name: "zeros", body: Buffer.alloc(3 << 20) }]);
    packed = gzipSync(layer);
  });
  const refused = (limit: string): object => ({
    code: "ERR_ARCHIVE",
    message: expect.stringContaining(`takes more than ${limit}`) as string,
    hint: expect.stringContaining("--max-unpacked") as string,
  });

  test("bounds an archive that is compressed", async () => {
    const archive = written("zeros.tar.gz", gzipSync(await archiveOf({ layers: [layer] })));
    (await openImages(archive)).close();
    (await openImages(archive, { maxUnpacked: 4 << 20 })).close();
    await expect(openImages(archive, { maxUnpacked: 3 << 20 })).rejects.toMatchObject({
      ...refused("3 MiB"),
      details: { path: archive, limit: 3 << 20 },
    });
  });

  test("bounds compressed layers, all of an image and of several together", async () => {
    const layout = new Layout(folder.join("zeros"));
    layout.index([layout.image({ layers: [layer] }, () => packed, "+gzip")]);
    const unpack = async (maxUnpacked: number | UnpackBudget): Promise<void> => {
      using opened = await openImages(layout.folder, { maxUnpacked });
      for (const each of opened.images[0]?.image.layers ?? []) await each.diffId();
    };
    const shared = new UnpackBudget(7 << 20);
    for (let i = 0; i < 2; i++) {
      await unpack(4 << 20);
      await unpack(shared);
    }
    await expect(unpack(shared)).rejects.toMatchObject(refused("7 MiB"));
    await expect(unpack(1 << 20)).rejects.toMatchObject(refused("1 MiB"));
  });

  test("bounds what is fetched from a registry", async () => {
    const remote = served("zeros", { config: `{${configFor(layer)}}`, layer });
    using opened = await openImages(remote, { maxUnpacked: 1 << 20 });
    await expect(opened.images[0]?.image.layers[0]?.diffId()).rejects.toMatchObject(refused("1 MiB"));
  });

  test("leaves neither an output nor anything in the temporary folder", async () => {
    const archive = written("small.tar.gz", gzipSync(await archiveOf({ layers: [layer] })));
    const temporary = folder.join("tmp");
    mkdirSync(temporary);
    const output = folder.join("exported.tar");
    const args = ["export", archive, "-o", output, "--max-unpacked", "2m", "--json"];
    const result = await run(process.execPath, [path.join(projectRoot, "dist/bundled/laminix.js"), ...args], {
      env: { ...process.env, TMPDIR: temporary },
    });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain("ERR_ARCHIVE");
    expect([readdirSync(temporary), existsSync(output)]).toEqual([[], false]);
  });
});

test("a spec may have a file of fifty megabytes in it", async () => {
  const text = 'line "1"\n'.repeat(5_000_000);
  const spec = parseSpec(JSON.stringify({ name: "it", contents: [{ files: { "/big": { text } } }] }), "it");
  await using image = await streamLayeredImage(spec, { store: GraphStore.parse("[]", "nothing") });
  let size = 0;
  for await (const piece of image.pieces()) size += piece.length;
  expect(size).toBeGreaterThan(text.length);
});

test("a process that reads a layer of half a million files ends when it is told to, and leaves nothing", async () => {
  const chunk = Buffer.concat(Array.from({ length: 1 << 12 }, (_, i) => member(`f${String(i)}`)));
  const times = 128;
  const hash = createHash("sha256");
  for (let i = 0; i < times; i++) hash.update(chunk);
  const config = JSON.stringify({
    ...{ os: "linux", architecture: "amd64" },
    rootfs: { diff_ids: [`sha256:${hash.digest("hex")}`] },
  });
  const packed = gzipSync(chunk);
  const archive = await tarOf([
    { name: "config", body: config },
    { name: "layer", body: Buffer.concat(Array.from({ length: times }, () => packed)) },
    {
      name: "manifest.json",
      body: JSON.stringify([{ Config: "config", RepoTags: null, Layers: ["layer"] }]),
    },
  ]);
  const temporary = folder.join("signalled");
  mkdirSync(temporary);
  const output = folder.join("signalled.tar");
  const args = ["export", written("files.tar", archive), "-o", output];
  const child = spawn(process.execPath, [path.join(projectRoot, "dist/bundled/laminix.js"), ...args], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: "ignore",
    timeout: 60_000,
    killSignal: "SIGKILL",
  });
  const ended = once(child, "exit");
  const isUnpacked = (): boolean =>
    readdirSync(`/proc/${String(child.pid)}/fd`).some((fd) => {
      const stats = statSync(`/proc/${String(child.pid)}/fd/${fd}`, { throwIfNoEntry: false });
      return stats?.isFile() === true && stats.nlink === 0 && stats.size === chunk.length * times;
    });
  while (!isUnpacked()) await sleep(20);
  // By then it reads the names.
  await sleep(300);
  child.kill("SIGTERM");
  expect(await ended).toEqual([143, null]);
  expect([readdirSync(temporary), existsSync(output)]).toEqual([[], false]);
  expect(readdirSync(folder.path).filter((name) => name.includes("partial"))).toEqual([]);
});
