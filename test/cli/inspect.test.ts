import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DigestCache } from "../../dist/image/digestCache.js";
import { archiveOf, layerOf } from "../support/images.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { runMain } from "./commandLine.js";

const hello = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-hello-2.12";
const glibc = "/nix/store/1123456789abcdfghijklmnpqrsvwxyz-glibc-2.39";

let folder: TemporaryFolder;
let ours: string;
let other: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  ours = folder.join("ours.tar");
  other = folder.join("other.tar");
  const store = await layerOf({
    [`${hello.slice(1)}/bin/hello`]: "12345",
    [`${hello.slice(1)}/share`]: "123",
    [`${glibc.slice(1)}/lib`]: "1",
  });
  const told = (paths: string[]): string => `store paths: [${paths.map((path) => `'${path}'`).join(", ")}]`;
  const history = [{ comment: told([hello, glibc]) }, { comment: told([hello]) }];
  writeFileSync(
    ours,
    await archiveOf({ layers: [store, await layerOf({ etc: "" })], tags: ["it:1"], history }),
  );
  const commands = [{ created_by: "RUN  apt-get\\\n update" }];
  writeFileSync(other, await archiveOf({ layers: [await layerOf({ "a\nb": "abc" })], history: commands }));
});
afterAll(() => folder[Symbol.asyncDispose]());

const inspected = async (...argv: string[]): Promise<string> => {
  const { code, stdout, stderr } = await runMain(["inspect", ...argv]);
  expect([code, stderr]).toEqual([0, ""]);
  return stdout.toString();
};

describe("laminix inspect", () => {
  test("tells which store paths are in a layer, and their sizes", async () => {
    const text = await inspected(ours);
    expect(text).toMatch(/sha256:.*\n +8 B {2}hello 2\.12\n +1 B {2}glibc 2\.39\n +sha256:[^\n]*\n$/);
    const [{ layers }] = JSON.parse(await inspected(ours, "--json")).images;
    expect(layers[0].storePaths).toEqual([
      { path: hello, name: "hello", version: "2.12", size: 8 },
      { path: glibc, name: "glibc", version: "2.39", size: 1 },
    ]);
    expect(Object.keys(layers[1])).toEqual(["digest", "diffId", "size", "mediaType"]);
  });

  test("tells which command made a layer", async () => {
    expect(await inspected(other)).toContain("  created by RUN apt-get\\ update\n");
    const [{ layers }] = JSON.parse(await inspected(other, "--json")).images;
    expect(layers[0].createdBy).toBe("RUN  apt-get\\\n update");
  });

  test("tells what compressed a layer on this machine", async () => {
    const [{ layers }] = JSON.parse(await inspected(other, "--json")).images;
    new DigestCache().putCompressed("a layer", "gz 0 test", layers[0]);
    expect(await inspected(other)).toContain("\n  packed  gz 0 test\n");
    const [again] = JSON.parse(await inspected(other, "--json")).images;
    expect(again.layers[0].encoder).toBe("gz 0 test");
    expect(await inspected(ours)).not.toContain("packed");
  });

  test("lists the files of each layer with --files", async () => {
    expect(await inspected(ours, "--files")).toMatch(
      / file +5 B {2}nix\/store\/.*-hello-2\.12\/bin\/hello\n/,
    );
    expect(await inspected(other, "--files")).toMatch(/ file +3 B {2}a\\nb\n/);
    const plain = JSON.parse(await inspected(ours, "--json"));
    const listed = JSON.parse(await inspected(ours, "--json", "--files"));
    expect(listed.images[0].layers[1].files).toEqual([{ type: "file", size: 0, name: "etc" }]);
    for (const layer of listed.images[0].layers) delete layer.files;
    expect(listed).toEqual(plain);
  });
});
