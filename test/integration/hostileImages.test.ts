/** Images that somebody has made to do harm: the outcomes are those of the table in docs/base-images.md. */
import { createHash } from "node:crypto";
import { createWriteStream, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { GraphStore, LaminixError, streamLayeredImage } from "laminix";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readImage } from "../builders/image.js";
import { type DockerEngine, startDockerEngine } from "../support/dockerEngine.js";
import { archiveItems, configOf, type Item, layerOf, Layout, OCI, sha256, tarOf } from "../support/images.js";
import { describeWith } from "../support/requirements.js";
import { mustRun, run } from "../support/run.js";
import { runScript } from "../support/script.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

let folder: TemporaryFolder;
let store: GraphStore;
beforeAll(async () => {
  folder = await temporaryFolder("hostile");
  for (const name of ["images", "tmp"]) mkdirSync(folder.join(name));
  store = GraphStore.parse("[]", "an empty graph");
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

/**
 * The diffIDs of an image on top of it, its own layer left out, or the code of the refusal. Nothing is left of it but
 * the image.
 */
async function built(file: string): Promise<readonly string[] | string> {
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = folder.join("tmp");
  const there = readdirSync(folder.path);
  try {
    await using image = await streamLayeredImage({ name: "on", tag: "1", fromImage: file }, { store });
    const { config, archive } = await readImage(image);
    writeFileSync(folder.join("on.tar"), archive);
    return config.rootfs.diff_ids.slice(0, -1);
  } catch (error) {
    if (error instanceof LaminixError) return error.code;
    throw error;
  } finally {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
    expect(readdirSync(folder.path).filter((name) => name !== "on.tar")).toEqual(
      there.filter((name) => name !== "on.tar"),
    );
    expect(readdirSync(folder.join("tmp"))).toEqual([]);
  }
}

/** What Docker has when it has loaded it. */
async function loaded(engine: DockerEngine, file: string): Promise<readonly string[] | "refused"> {
  const result = await run("docker", ["load", "--input", file], { env: engine.env, timeout: 120_000 });
  if (result.code !== 0) return "refused";
  const image = /Loaded image(?: ID)?: (\S+)/.exec(result.stdout.toString())![1]!;
  const { stdout } = await engine.docker(["image", "inspect", "--format", "{{json .RootFS.Layers}}", image]);
  await engine.docker(["rmi", "--force", image]);
  return JSON.parse(stdout.toString()) as string[];
}

interface Case {
  readonly items: readonly Item[];
  /** What laminix does: the same image as Docker, or a refusal. */
  readonly mine: "same" | "ERR_ARCHIVE" | "ERR_DIGEST" | "ERR_JSON";
  readonly docker: "loads" | "refuses";
}

const layer = await layerOf({ file: "content" });
const changed = await layerOf({ file: "changed" });
const absolute = await layerOf({ "/etc/file": "x" });
const devices = await tarOf([{ name: "null", type: "character-device", devmajor: 1, devminor: 3 }]);

describeWith(["dockerd", "python3"], "a docker-archive made to do harm", () => {
  let engine: DockerEngine;
  beforeAll(async () => {
    engine = await startDockerEngine();
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
  });

  const good = archiveItems([{ layers: [layer], tags: ["it:1"] }]);
  const layerName = `${sha256(layer)}/layer.tar`;
  const configName = `${sha256(configOf({ layers: [layer] }))}.json`;
  const replaced = (name: string, ...items: readonly Item[]): Item[] => [
    ...good.filter((item) => item.name !== name),
    ...items,
  ];
  const link = (name: string, linkname: string, type: "symlink" | "link" = "symlink"): Item => ({
    name,
    type,
    linkname,
  });
  const manifest = (body: string): Item[] => replaced("manifest.json", { name: "manifest.json", body });
  const withLayer = (bad: Buffer): Item[] => archiveItems([{ layers: [bad], tags: ["it:1"] }]);

  const cases: Readonly<Record<string, Case>> = {
    "a member whose name leads out of it": {
      items: [...good, { name: "../escaped", body: "x" }],
      mine: "ERR_ARCHIVE",
      docker: "loads",
    },
    "a member whose name leads out and in again": {
      items: replaced(layerName, { name: `a/../${layerName}`, body: layer }),
      mine: "same",
      docker: "loads",
    },
    "members with absolute names": {
      items: good.map((item) => ({ ...item, name: `/${item.name}` })),
      mine: "same",
      docker: "loads",
    },
    "a link that leads out of it": {
      items: [...good, link("link", "../../outside")],
      mine: "ERR_ARCHIVE",
      docker: "loads",
    },
    "a hard link that leads out of it": {
      items: [...good, link("link", "../../etc/passwd", "link")],
      mine: "ERR_ARCHIVE",
      docker: "refuses",
    },
    "a link to an absolute name that nobody asks for": {
      items: [...good, link("link", "/etc/passwd")],
      mine: "same",
      docker: "loads",
    },
    "a layer that is a link to a file of the machine": {
      items: replaced(layerName, link(layerName, "/etc/passwd")),
      mine: "ERR_ARCHIVE",
      docker: "refuses",
    },
    "a configuration that is a link to a file of the machine": {
      items: replaced(configName, link(configName, "/etc/passwd")),
      mine: "ERR_ARCHIVE",
      docker: "refuses",
    },
    "a device": {
      items: [...good, { name: "device", type: "character-device", devmajor: 1, devminor: 3 }],
      mine: "same",
      docker: "loads",
    },
    "a layer that is a folder": {
      items: replaced(layerName, { name: layerName, type: "directory" }),
      mine: "ERR_ARCHIVE",
      docker: "refuses",
    },
    "a layer that is missing": { items: replaced(layerName), mine: "ERR_ARCHIVE", docker: "refuses" },
    "a configuration that is missing": {
      items: replaced(configName),
      mine: "ERR_ARCHIVE",
      docker: "refuses",
    },
    "a layer that is not what its digest says": {
      items: replaced(layerName, { name: layerName, body: changed }),
      mine: "ERR_DIGEST",
      docker: "refuses",
    },
    "links in a circle": {
      items: replaced(layerName, link(layerName, "one"), link(`${sha256(layer)}/one`, "layer.tar")),
      mine: "ERR_ARCHIVE",
      docker: "refuses",
    },
    "more layers than diffIDs": {
      items: manifest(
        JSON.stringify([{ Config: configName, RepoTags: ["it:1"], Layers: [layerName, layerName] }]),
      ),
      mine: "ERR_ARCHIVE",
      docker: "refuses",
    },
    "a manifest that names files outside": {
      items: manifest(JSON.stringify([{ Config: "../../etc/passwd", RepoTags: [], Layers: [layerName] }])),
      mine: "ERR_ARCHIVE",
      docker: "refuses",
    },
    "a manifest that is not JSON": { items: manifest("not JSON"), mine: "ERR_JSON", docker: "refuses" },
    "a manifest that is nested a hundred thousand deep": {
      items: manifest("[".repeat(100_000) + "]".repeat(100_000)),
      mine: "ERR_JSON",
      docker: "refuses",
    },
    "a manifest of a hundred megabytes": {
      items: manifest(
        JSON.stringify([{ Config: configName, RepoTags: ["it:1"], Layers: [layerName] }]) + " ".repeat(1e8),
      ),
      mine: "ERR_ARCHIVE",
      docker: "loads",
    },
    "a layer whose files have absolute names": {
      items: withLayer(absolute),
      mine: "same",
      docker: "loads",
    },
    "a layer with devices": {
      items: withLayer(devices),
      mine: "same",
      docker: "loads",
    },
  };
  test.each(Object.entries(cases))("and has %s: the same image as Docker's, or a refusal", async (_, it) => {
    const file = folder.join("images/it.tar");
    writeFileSync(file, await tarOf(it.items));
    const theirs = await loaded(engine, file);
    expect(theirs === "refused" ? "refuses" : "loads").toBe(it.docker);
    expect(await built(file)).toEqual(it.mine === "same" ? theirs : it.mine);
    expect(readdirSync(folder.join("images"))).toEqual(["it.tar"]);
  });

  test.each([
    ["leads out of it", [{ name: "../../escaped", body: "x" }]],
    ["is a link out of it", [link("link", "../../../outside"), { name: "link/x", body: "x" }]],
  ])(
    "and has a layer in which a name %s is passed on as it is, for the engine to refuse",
    async (_, items) => {
      const bad = await tarOf(items);
      const file = folder.join("images/it.tar");
      writeFileSync(file, await tarOf(withLayer(bad)));
      const theirs = await loaded(engine, file);
      expect(await built(file)).toEqual([`sha256:${sha256(bad)}`]);
      const again = await loaded(engine, folder.join("on.tar"));
      expect(again === "refused").toBe(theirs === "refused");
      expect(readdirSync(folder.join("images"))).toEqual(["it.tar"]);
    },
  );

  test("and unpacks to a gigabyte of zeros is Docker's image, in little memory", async () => {
    const size = 2 ** 30;
    const file = folder.join("bomb.tar");
    const zeros = Buffer.alloc(1 << 20);
    const { header, end } = await oneFile("zeros", size);
    const hash = createHash("sha256");
    async function* bomb(): AsyncGenerator<Buffer> {
      for (let piece = -1; piece <= size / zeros.length; piece++) {
        const bytes = piece < 0 ? header : piece < size / zeros.length ? zeros : end;
        hash.update(bytes);
        yield bytes;
      }
    }
    await pipeline(bomb(), createGzip({ level: 9 }), createWriteStream(folder.join("bomb.gz")));
    const packed = await readFile(folder.join("bomb.gz"));
    expect(packed.length).toBeLessThan(2 << 20);
    const diffId = `sha256:${hash.digest("hex")}`;
    const config = JSON.stringify({
      ...{ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [diffId] } },
    });
    writeFileSync(
      file,
      await tarOf([
        { name: "layer.tar", body: packed },
        { name: "config.json", body: config },
        {
          name: "manifest.json",
          body: JSON.stringify([{ Config: "config.json", RepoTags: ["it:1"], Layers: ["layer.tar"] }]),
        },
      ]),
    );
    const script = `
      const store = laminix.GraphStore.parse("[]", "none");
      const spec = { name: "on", tag: "1", fromImage: ${JSON.stringify(file)} };
      const image = await laminix.streamLayeredImage(spec, { store, cache: false });
      let size = 0;
      for await (const piece of image.pieces()) size += piece.length;
      print([size, process.resourceUsage().maxRSS * 1024, (await image.image.layers[0].diffId()).diffId]);
      await image.close();
    `;
    const { stdout, stderr } = await runScript(script, { timeout: 100_000 });
    expect(stderr).toBe("");
    const [read, memory, found] = JSON.parse(stdout.toString()) as [number, number, string];
    expect(read).toBeGreaterThan(size);
    expect(memory).toBeLessThan(400 << 20);
    expect(found).toBe(diffId);
    expect(await loaded(engine, file)).toEqual([diffId]);
  });

  test("and is an OCI layout with a digest that leads out, or an index that points to itself, is refused", async () => {
    for (const [name, entry] of [
      ["out", { mediaType: OCI.manifest, digest: "sha256:../../../escaped", size: 1 }],
      ["self", { mediaType: OCI.index, digest: `sha256:${"0".repeat(64)}`, size: 0 }],
    ] as const) {
      const layout = new Layout(folder.join(name));
      writeFileSync(
        folder.join(name, "blobs/sha256", "0".repeat(64)),
        JSON.stringify({ manifests: [entry] }),
      );
      const size = JSON.stringify({ manifests: [entry] }).length;
      layout.index([{ ...entry, size }]);
      const file = folder.join(`${name}.tar`);
      await mustRun("tar", ["-C", layout.folder, "-cf", file, "."]);
      const code = name === "out" ? "ERR_ARCHIVE" : "ERR_DIGEST";
      expect(await built(file)).toBe(code);
      expect(await built(layout.folder)).toBe(code);
      expect(await loaded(engine, file)).toBe("refused");
    }
  });
});

/** A tar's bytes before and after the body of its one file. */
async function oneFile(name: string, size: number): Promise<{ header: Buffer; end: Buffer }> {
  const { stdout } = await mustRun("python3", [
    "-c",
    `import sys, tarfile; i = tarfile.TarInfo(sys.argv[1]); i.size = int(sys.argv[2]); sys.stdout.buffer.write(i.tobuf())`,
    name,
    String(size),
  ]);
  return { header: stdout, end: Buffer.alloc(1024) };
}
