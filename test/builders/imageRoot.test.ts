/** Roots of images from what is not in a store, and what follows from them. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, test, vi } from "vitest";
// Threads are started from compiled files.
import { buildLayeredImage, GraphStore, type ImageSpec, streamLayeredImage } from "../../dist/index.js";
import { membersOf } from "../support/members.js";
import { describeWith } from "../support/requirements.js";
import { mustRun, projectRoot, run } from "../support/run.js";
import { temporaryFolder } from "../support/temporary.js";
import { id } from "./graphStore.js";
import { readImage } from "./image.js";

const store = GraphStore.parse(
  JSON.stringify(["config", "x"].map((name) => ({ path: id(name), narSize: 1, references: [] }))),
  "graph.json",
);
const cli = `${projectRoot}/dist/bundled/laminix.js`;

async function tagOf(spec: Partial<ImageSpec>): Promise<string> {
  await using image = await streamLayeredImage({ name: "it", ...spec }, { store, cache: false });
  return image.imageTag;
}

describe("the tag of an image for which none was asked", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test("is another one where `now` was another time, and the same at the same time", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 1_000_000 });
    const tags = [await tagOf({ created: "now" }), await tagOf({ mtime: "now" })];
    expect([await tagOf({ created: "now" }), await tagOf({ mtime: "now" })]).toEqual(tags);
    expect(await tagOf({ mtime: "@1000" })).toBe(tags[1]);
    vi.setSystemTime(3_000_000);
    expect(await tagOf({ created: "now" })).not.toBe(tags[0]);
    expect(await tagOf({ mtime: "now" })).not.toBe(tags[1]);
  });

  test("follows from what is copied to the root, also where nobody vouches for it", async () => {
    const contents = [id("config")];
    const copies = [[], [id("x")], [id("config")]];
    const tags = await Promise.all(copies.map((copyToRoot) => tagOf({ contents, copyToRoot })));
    tags.push(await tagOf({ contents: [], copyToRoot: contents }));
    expect(new Set(tags).size).toBe(4);
  });

  test("is the same for a link to a store path as for the path", async () => {
    await using folder = await temporaryFolder();
    const link = folder.join("result");
    symlinkSync(id("config"), link);
    expect(await tagOf({ contents: [link] })).toBe(await tagOf({ contents: [id("config")] }));
  });

  test("follows from what is in a plain folder, not from where that is", async () => {
    await using folder = await temporaryFolder();
    const plain = (name: string, text: string): string => {
      mkdirSync(folder.join(name));
      writeFileSync(folder.join(name, "file"), text);
      return folder.join(name);
    };
    const contents = [plain("one", "text"), plain("two", "text"), plain("three", "other")];
    const [one, two, three] = await Promise.all(contents.map((each) => tagOf({ contents: [each] })));
    expect(two).toBe(one);
    expect(three).not.toBe(one);
  });
});

describeWith(["bash", "tar"], "an image's root", () => {
  const spec = { name: "it", tag: "1", contents: [{ files: { "/etc/motd": { text: "hello\n" } } }] };

  test("has the same bytes whatever the umask is", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(folder.join("graph.json"), "[]");
    writeFileSync(
      folder.join("spec.json"),
      JSON.stringify({ ...spec, extraCommands: "mkdir data; echo x > data/x" }),
    );
    const roots = ["022", "077"].map(async (umask) => {
      const script = `umask ${umask}; exec node ${cli} build spec.json --graph graph.json --compress none -o ${umask}.tar`;
      await mustRun("bash", ["-c", script], { cwd: folder.path });
      return readImage(readFileSync(folder.join(`${umask}.tar`)));
    });
    const [usual, strict] = await Promise.all(roots);
    expect(strict?.layers).toEqual(usual?.layers);
    expect(strict?.layers[0]?.[0]?.header).toMatchObject({ name: "./", mode: 0o755 });
  });

  test("cannot be read any more when its image has been closed, and says so", async () => {
    const image = await streamLayeredImage({ ...spec, extraCommands: "true" }, { store, cache: false });
    await image.close();
    await expect(readImage(image)).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });

  test("stops being read when it is told to, in the middle of a file too", async () => {
    await using folder = await temporaryFolder();
    mkdirSync(folder.join("plain"));
    writeFileSync(folder.join("plain/large"), Buffer.alloc(8 << 20));
    const abort = new AbortController();
    const { signal } = abort;
    setImmediate(() => {
      abort.abort(new Error("enough"));
    });
    const building = streamLayeredImage({ name: "it", contents: [folder.join("plain")] }, { store, signal });
    await expect(building).rejects.toThrow("enough");
  });

  test("has no room in a temporary folder that is not there, and an error tells where it was looked for", async () => {
    await using folder = await temporaryFolder();
    const TMPDIR = folder.join("nowhere");
    writeFileSync(folder.join("graph.json"), "[]");
    writeFileSync(folder.join("spec.json"), JSON.stringify({ ...spec, extraCommands: "true" }));
    const args = [cli, "layers", folder.join("spec.json"), "--graph", folder.join("graph.json"), "--json"];
    const { code, stderr } = await run("node", args, { env: { TMPDIR } });
    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: "ERR_FILE_WRITE", message: `a temporary folder cannot be made in ${TMPDIR}` },
    });
  });
});

describeWith(["bash"], "laminix customise", () => {
  test("makes a folder that is there whole or not at all, and touches no other", async () => {
    await using folder = await temporaryFolder();
    const contents = [{ files: { "/etc/motd": { text: "hello\n" } } }];
    writeFileSync(folder.join("graph.json"), "[]");
    writeFileSync(folder.join("spec.json"), JSON.stringify({ name: "it", contents }));
    const customise = (out: string): ReturnType<typeof run> =>
      run("node", [cli, "customise", "spec.json", "--graph", "graph.json", "-o", out], { cwd: folder.path });
    mkdirSync(folder.join("out.partial"));
    writeFileSync(folder.join("out.partial/mine"), "");
    expect(await customise("out/")).toMatchObject({ code: 0 });
    const members = await membersOf(readFileSync(folder.join("out/layer.tar")));
    expect(members.map(({ header }) => header.name)).toEqual(["./", "./etc/", "./etc/motd"]);
    const again = await customise("out");
    expect(again).toMatchObject({ code: 1 });
    expect(again.stderr).toContain("out cannot be written: it is there already");
    expect(readdirSync(folder.path).sort()).toEqual(["graph.json", "out", "out.partial", "spec.json"]);
    expect(readdirSync(folder.join("out.partial"))).toEqual(["mine"]);
  });
});

test("an image is written with as many threads as are asked for, and is the same", async () => {
  await using folder = await temporaryFolder();
  const contents = [{ files: { "/etc/motd": { text: "hello\n" } } }];
  const write = async (jobs: number): Promise<Buffer> => {
    const output = folder.join(`${String(jobs)}.tar.gz`);
    await buildLayeredImage({ name: "it", contents }, { store, cache: false, output, jobs });
    return readFileSync(output);
  };
  expect(await write(4)).toEqual(await write(1));
});
