import { writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { mergeImages, type ProgressEvent } from "laminix";
import { describe, expect, test } from "vitest";
import { archiveOf, configOf, layerOf, Layout, named, sha256 } from "../support/images.js";
import { bytesOf, membersOf } from "../support/members.js";
import { temporaryFolder } from "../support/temporary.js";

interface Manifest {
  readonly Config: string;
  readonly RepoTags: readonly string[];
  readonly Layers: readonly string[];
}

async function merge(
  paths: readonly string[],
): Promise<{ manifest: Manifest[]; bodies: Map<string, Buffer>; names: string[]; warnings: string[] }> {
  const events: ProgressEvent[] = [];
  await using merged = await mergeImages(paths, { onProgress: (event) => events.push(event) });
  const members = await membersOf(await bytesOf(merged.pieces()));
  const bodies = new Map(members.map(({ header, body }) => [header.name, body]));
  return {
    manifest: JSON.parse(bodies.get("manifest.json")!.toString()) as Manifest[],
    bodies,
    names: members.map(({ header }) => header.name),
    warnings: events.flatMap((event) => (event.type === "warning" ? [event.message] : [])),
  };
}

describe("images that are merged", async () => {
  const shared = await layerOf({ shared: "1" });
  const one = await layerOf({ one: "1" });
  const two = await layerOf({ two: "2" });

  test("are all there: configurations as they were, tags, and shared layers once", async () => {
    await using folder = await temporaryFolder();
    const first = { layers: [shared, one], tags: ["one:1", "one:latest"], config: { Cmd: ["a"] } };
    const second = { layers: [shared, two, shared], tags: null };
    writeFileSync(folder.join("a.tar"), await archiveOf(first));
    writeFileSync(folder.join("b.tar.gz"), gzipSync(await archiveOf(second)));
    const layout = new Layout(folder.join("layout"));
    layout.index([named(layout.image({ layers: [two, one] }, gzipSync, "+gzip"), "three:3")]);
    const { manifest, bodies, names, warnings } = await merge([
      folder.join("a.tar"),
      folder.join("b.tar.gz"),
      folder.join("layout"),
    ]);
    const configs = [
      configOf({ layers: first.layers, config: first.config }),
      configOf({ layers: second.layers }),
      configOf({ layers: [two, one] }),
    ];
    expect(manifest.map(({ Config }) => bodies.get(Config)!.toString())).toEqual(configs);
    expect(manifest.map(({ Config }) => Config)).toEqual(configs.map((config) => `${sha256(config)}.json`));
    expect(manifest.map(({ RepoTags }) => RepoTags)).toEqual([["one:1", "one:latest"], [], ["three:3"]]);
    const contents = manifest.map(({ Layers }) => Layers.map((name) => bodies.get(name)!));
    expect(contents).toEqual([
      [shared, one],
      [shared, two, shared],
      [two, one],
    ]);
    expect(names).toHaveLength(new Set(names).size);
    expect(names.filter((name) => name.endsWith("/layer.tar"))).toHaveLength(3);
    expect(warnings).toEqual([]);
  });

  test("may be of one archive, and the same one several times", async () => {
    await using folder = await temporaryFolder();
    const [a, b] = [
      { layers: [one], tags: ["a:1"] },
      { layers: [two], tags: ["b:1"] },
    ];
    writeFileSync(folder.join("both.tar"), await archiveOf(a, b));
    writeFileSync(
      folder.join("again.tar"),
      await archiveOf({ ...a, tags: ["a:2", "docker.io/library/a:1"] }),
    );
    const { manifest, warnings } = await merge([folder.join("both.tar"), folder.join("again.tar")]);
    expect(manifest.map(({ RepoTags }) => RepoTags)).toEqual([["a:1", "a:2"], ["b:1"]]);
    expect(warnings).toEqual([]);
  });

  test("leave a tag that several have to the last, and tell of it", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("a.tar"), await archiveOf({ layers: [one], tags: ["x:1", "y:1"] }));
    writeFileSync(folder.join("b.tar"), await archiveOf({ layers: [two], tags: ["docker.io/library/x:1"] }));
    const { manifest, warnings } = await merge([folder.join("a.tar"), folder.join("b.tar")]);
    expect(manifest.map(({ RepoTags }) => RepoTags)).toEqual([["y:1"], ["docker.io/library/x:1"]]);
    expect(warnings).toEqual([expect.stringContaining("x:1 is the tag of several images")]);
  });

  test("go without a name that engines would not take", async () => {
    await using folder = await temporaryFolder();
    const layout = new Layout(folder.join("layout"));
    layout.index([named(layout.image({ layers: [one] }), "latest")]);
    const { manifest, warnings } = await merge([folder.join("layout")]);
    expect(manifest.map(({ RepoTags }) => RepoTags)).toEqual([[]]);
    expect(warnings).toEqual([expect.stringContaining("latest is no name with a tag")]);
  });

  test("give the same bytes every time, as often as they are read", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("a.tar"), await archiveOf({ layers: [one, two] }));
    await using merged = await mergeImages([folder.join("a.tar")]);
    await using other = await mergeImages([folder.join("a.tar")]);
    const bytes = await bytesOf(merged.pieces());
    expect((await bytesOf(merged.stream())).equals(bytes)).toBe(true);
    expect((await bytesOf(other.pieces())).equals(bytes)).toBe(true);
  });

  test("end before the manifest when a layer is not what it should be", async () => {
    await using folder = await temporaryFolder();
    const archive = await archiveOf({ layers: [one, two] });
    archive.write("X", archive.indexOf(two) + 512, "latin1");
    writeFileSync(folder.join("a.tar"), archive);
    await using merged = await mergeImages([folder.join("a.tar")]);
    const pieces: Buffer[] = [];
    const reading = (async () => {
      for await (const piece of merged.pieces()) pieces.push(Buffer.from(piece));
    })();
    await expect(reading).rejects.toMatchObject({
      code: "ERR_DIGEST",
      details: { expected: `sha256:${sha256(two)}`, actual: expect.stringMatching(/^sha256:/) },
    });
    expect(Buffer.concat(pieces).includes("manifest.json")).toBe(false);
  });

  test("are let go when one of them cannot be opened", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("a.tar"), await archiveOf({ layers: [one] }));
    await expect(mergeImages([folder.join("a.tar"), folder.join("absent")])).rejects.toMatchObject({
      code: "ERR_FILE_READ",
    });
    const reason = new Error("enough");
    await expect(mergeImages([folder.join("a.tar")], { signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
    await expect(mergeImages("a.tar" as never)).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
  });

  test("cannot be read after they were closed", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("a.tar"), await archiveOf({ layers: [one] }));
    const merged = await mergeImages([folder.join("a.tar")]);
    await merged.close();
    await merged.close();
    await expect(bytesOf(merged.pieces())).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });
});
