import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
// Threads are started from compiled files.
import { withImage } from "../../dist/cli/imageArgument.js";
import { filtered } from "../../dist/cli/io.js";
import type { BuiltImage, Layer } from "../../dist/index.js";
import { archiveOf, layerOf } from "../support/images.js";
import { failureOf } from "../support/failure.js";
import { bytesOf } from "../support/members.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

const HASH = "0123456789abcdfghijklmnpqrsvwxyz";

let folder: TemporaryFolder;
let program: string;
let archive: string;
let options: { readonly store: string; readonly graph: string };

beforeAll(async () => {
  folder = await temporaryFolder("image-argument");
  program = folder.join("store", `${HASH}-program`);
  mkdirSync(program, { recursive: true });
  writeFileSync(`${program}/program`, "#!/bin/sh\n", { mode: 0o755 });
  archive = folder.join("store", `${HASH.replace("0", "1")}-image.tar.gz`);
  writeFileSync(archive, await archiveOf({ layers: [await layerOf({ a: "a" })], tags: ["a:1"] }));
  const narHash = `sha256-${Buffer.alloc(32, 7).toString("base64")}`;
  const graph = folder.join("graph.json");
  writeFileSync(graph, JSON.stringify([{ path: program, narHash, narSize: 10, references: [] }]));
  options = { store: "auto", graph };
});
afterAll(() => folder[Symbol.asyncDispose]());

const io = filtered({
  stdin: { isTerminal: false, pieces: () => Readable.from([]) },
  stdout: { isTerminal: false, write: () => Promise.resolve() },
  stderr: { isTerminal: false, columns: 80, write: () => undefined },
  environment: {},
  signal: new AbortController().signal,
});

/** What arguments name: a path as it was given, or the name of an image that was made for it. */
function named(args: readonly string[], flags: Readonly<Record<string, unknown>> = {}): Promise<string> {
  return withImage(io, args, { ...options, ...flags }, { destination: { engine: "docker" } }, (image) =>
    Promise.resolve(typeof image === "string" ? `path ${image}` : `image ${image.imageName}`),
  );
}

function link(name: string, target: string): string {
  symlinkSync(target, folder.join(name));
  return folder.join(name);
}

function file(name: string, text: string): string {
  writeFileSync(folder.join(name), text);
  return folder.join(name);
}

describe("the image that arguments name", () => {
  test("is an archive where there is one file, in the store or not, links followed", async () => {
    for (const path of [archive, link("result", archive), file("image", "x")])
      expect(await named([path])).toBe(`path ${path}`);
  });

  test("is a layout where there is one folder with an oci-layout, and one in a registry where it is so named", async () => {
    mkdirSync(folder.join("layout"));
    file("layout/oci-layout", "{}");
    expect(await named([folder.join("layout")])).toBe(`path ${folder.join("layout")}`);
    expect(await named(["docker://nginx:1"])).toBe("path docker://nginx:1");
  });

  test("is made of a spec, of store paths and of folders", async () => {
    expect(await named([file("spec.json", '{"name": "from-spec"}')])).toBe("image from-spec");
    expect(await named([program])).toBe("image program");
    expect(await named([link("to-program", program)])).toBe("image program");
    mkdirSync(folder.join("plain"));
    expect(await named([folder.join("plain"), program])).toBe("image plain");
    expect(await named([program], { name: "other" })).toBe("image other");
  });

  test("is made of nothing else: several archives are no contents", async () => {
    expect(await failureOf(named([archive, file("second", "x")]))).toMatchObject({
      code: "ERR_OUTSIDE_STORE",
    });
    expect(await failureOf(named([]))).toMatchObject({ code: "ERR_USAGE" });
  });

  test("is closed when it has been used, whatever comes of it", async () => {
    let layer: Layer | undefined;
    const use = withImage(
      io,
      [program],
      { ...options, fromImage: archive },
      { destination: { engine: "docker" } },
      async (image) => {
        layer = (image as BuiltImage).image.layers[0]!;
        await bytesOf(layer.open());
        throw new Error("it was of no use");
      },
    );
    await expect(use).rejects.toThrow("it was of no use");
    expect(await failureOf(bytesOf(layer!.open()))).toMatchObject({ code: "ERR_CLOSED" });
  });

  test("is an archive that cannot be read where nothing has that name", async () => {
    const absent = folder.join("absent.tar");
    expect(await failureOf(named([absent]))).toMatchObject({
      code: "ERR_FILE_READ",
      message: `${absent} cannot be read: no such file`,
    });
    // In a store, what this machine does not have may be elsewhere.
    const elsewhere = program.replace("program", "absent");
    expect(await failureOf(named([elsewhere]))).toMatchObject({ code: "ERR_PATH_NOT_VALID" });
  });

  test("is not a script that prints one, and the hint tells what to do with that", async () => {
    const script = file("stream", "#!/bin/sh\nexec python3\n");
    expect(await failureOf(named([script]))).toMatchObject({
      code: "ERR_ARCHIVE",
      hint: expect.stringContaining(`${script} >image.tar`),
    });
  });

  test("is not described by flags when it is there already", async () => {
    for (const [flag, given] of [
      ["--cmd", { cmd: ["a"] }],
      ["--max-layers", { maxLayers: 2 }],
      ["--include-nix-db", { includeNixDb: true }],
      ["--no-include-store-paths", { includeStorePaths: false }],
    ] as const) {
      expect(await failureOf(named([archive], given))).toMatchObject({
        code: "ERR_USAGE",
        message: expect.stringContaining(`${flag} has no effect`),
      });
    }
  });
});
