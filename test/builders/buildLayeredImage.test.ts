import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
// Threads are started from compiled files.
import {
  type BuildFileOptions,
  buildLayeredImage,
  type ImageFile,
  type ImageSpec,
  openStore,
  type ProgressEvent,
  streamLayeredImage,
} from "../../dist/index.js";
import { bytesOf } from "../support/members.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { Random } from "../support/random.js";
import { describeWith } from "../support/requirements.js";
import { mustRun } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

let folder: TemporaryFolder;
let nix: NixStore;
let store: Awaited<ReturnType<typeof openStore>>;
let program: string;
let library: string;

const unpack = async (compressor: string, file: string): Promise<Buffer> => {
  if (compressor === "none") return readFileSync(file);
  const [command, ...args] = compressor === "gz" ? ["gunzip", "-c"] : ["zstd", "-qdc"];
  return (await mustRun(command, args, { input: readFileSync(file) })).stdout;
};

function build(
  output: string,
  spec: Partial<ImageSpec> = {},
  options: Partial<BuildFileOptions> = {},
): Promise<ImageFile> {
  const whole = { name: "Image", contents: [program], ...spec };
  return buildLayeredImage(whole, { store, cache: false, output: folder.join(output), ...options });
}

describeWith(["nix-daemon", "nix-store", "zstd"], "an image in a file", () => {
  beforeAll(async () => {
    folder = await temporaryFolder();
    nix = await startNixStore();
    library = await nix.addTree("library", (place) => {
      mkdirSync(place);
      writeFileSync(`${place}/noise`, new Random(5).bytes(1_500_000));
      writeFileSync(`${place}/text`, "some text ".repeat(600_000));
    });
    program = await nix.addTree("program", (place) => writeFileSync(place, library), {
      references: [library],
    });
    store = await openStore(nix.uri);
  });
  afterAll(async () => {
    await store.close();
    await nix[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  describe.each(["none", "gz", "zstd"] as const)("compressed with %s", (compressor) => {
    test("is the stream, and has the same bytes every time, for any number of threads", async () => {
      const spec = { name: "Image", contents: [program] };
      await using image = await streamLayeredImage(spec, { store, cache: false });
      const stream = await bytesOf(image.pieces());
      const { size } = await build("one", { compressor }, { jobs: 1 });
      await build("two", { compressor }, { jobs: 3 });
      const one = readFileSync(folder.join("one"));
      expect(one.length).toBe(size);
      expect(readFileSync(folder.join("two")).equals(one)).toBe(true);
      expect((await unpack(compressor, folder.join("one"))).equals(stream)).toBe(true);
      expect(size < stream.length / 2).toBe(compressor !== "none");
    });
  });

  test("is compressed with gzip unless the spec says otherwise, whatever the file is called", async () => {
    await build("image.tar");
    await build("explicit", { compressor: "gz" });
    expect(readFileSync(folder.join("image.tar")).equals(readFileSync(folder.join("explicit")))).toBe(true);
  });

  test("comes with what is known of it", async () => {
    const built = await build("known", { tag: "1", passthru: { a: { b: 1 } } });
    expect(built).toEqual({
      path: folder.join("known"),
      size: readFileSync(folder.join("known")).length,
      imageName: "image",
      imageTag: "1",
      layers: [
        { paths: [library], narSize: expect.any(Number) },
        { paths: [program], narSize: expect.any(Number) },
      ],
      passthru: { a: { b: 1 } },
    });
    await using image = await streamLayeredImage({ name: "Image", contents: [program] }, { store });
    const { imageTag, layers } = await build("known");
    expect([imageTag, layers]).toEqual([image.imageTag, image.layers]);
  });

  test("tells of its layers while it is made", async () => {
    const events: ProgressEvent[] = [];
    await build("events", {}, { onProgress: (event) => events.push(event) });
    const types = events.map(({ type }) => type).filter((type) => type !== "hash");
    expect(types).toEqual(["closure", "layer", "layer", "layer"]);
  });

  test("is not there where it was stopped or cannot be written, and what was there stays", async () => {
    await using place = await temporaryFolder();
    writeFileSync(place.join("old"), "old");
    for (const output of [place.join("old"), place.join("new")]) {
      const controller = new AbortController();
      const reason = new Error("enough");
      const onProgress = ({ type }: ProgressEvent): void => {
        if (type === "layer") controller.abort(reason);
      };
      await expect(build("", {}, { output, onProgress, signal: controller.signal })).rejects.toBe(reason);
    }
    await expect(build("", {}, { output: place.join("absent/new") })).rejects.toMatchObject({
      code: "ERR_FILE_WRITE",
      details: { path: place.join("absent/new") },
    });
    expect(readdirSync(place.path)).toEqual(["old"]);
    expect(readFileSync(place.join("old"), "utf8")).toBe("old");
  });

  test("whose spec or arguments are wrong is refused before anything is done", async () => {
    const events: ProgressEvent[] = [];
    const onProgress = (event: ProgressEvent): void => void events.push(event);
    await expect(build("bad", { compressor: "xz" as never }, { onProgress })).rejects.toMatchObject({
      code: "ERR_SPEC",
      details: { key: "compressor" },
      message: expect.stringMatching(/"xz" is not a compressor; there are none, gz, zstd/),
    });
    for (const output of [undefined, 1, null]) {
      await expect(build("", {}, { output: output as never, onProgress })).rejects.toMatchObject({
        code: "ERR_ARGUMENT",
        details: { argument: "options.output" },
      });
    }
    await expect(buildLayeredImage({ name: "a" }, undefined as never)).rejects.toMatchObject({
      code: "ERR_ARGUMENT",
      details: { argument: "options" },
    });
    expect(events).toEqual([]);
  });
});
