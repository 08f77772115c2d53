import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { GraphStore, type ImageSpec, streamLayeredImage } from "laminix";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runMain } from "../cli/commandLine.js";
import { archiveOf, tarOf } from "../support/images.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

let folder: TemporaryFolder;
let store: GraphStore;
let app: string;
beforeAll(async () => {
  folder = await temporaryFolder("started-program");
  const unused = `/nix/store/${"0".repeat(32)}-unused`;
  const graph = [{ path: unused, narHash: `sha256:${"0".repeat(52)}`, narSize: 120, references: [] }];
  writeFileSync(folder.join("graph.json"), JSON.stringify(graph));
  store = GraphStore.read(folder.join("graph.json"));
  app = folder.join("app");
  mkdirSync(`${app}/opt/bin`, { recursive: true });
  mkdirSync(`${app}/bin`);
  writeFileSync(`${app}/opt/bin/tool`, "");
  symlinkSync("../opt/bin/tool", `${app}/bin/linked`);
  symlinkSync("/nowhere", `${app}/bin/dangling`);
  const files = [
    { name: "usr/", type: "directory" as const },
    { name: "usr/sh", body: "" },
  ];
  writeFileSync(folder.join("base.tar"), await archiveOf({ layers: [await tarOf(files)] }));
});
afterAll(() => folder[Symbol.asyncDispose]());

async function warnings(spec: Partial<ImageSpec>): Promise<string[]> {
  const heard: string[] = [];
  await using _image = await streamLayeredImage(
    { name: "started", contents: [app], ...spec },
    {
      ...{ store, cache: false },
      onProgress: (event) => {
        if (event.type === "warning") heard.push(event.message);
      },
    },
  );
  return heard;
}

const BASE = { Env: ["PATH=/opt/bin:/usr"] };

test.each<[string, Partial<ImageSpec>, RegExp | undefined]>([
  ["a file of its own", { config: { Cmd: ["/opt/bin/tool"] } }, undefined],
  ["one in PATH", { config: { Cmd: ["tool"], ...BASE } }, undefined],
  ["a link", { config: { Cmd: ["linked"] } }, undefined],
  ["a file in the working folder", { config: { Cmd: ["bin/tool"], WorkingDir: "/opt" } }, undefined],
  ["arguments of an entry point", { config: { Entrypoint: ["linked"], Cmd: ["nothing"] } }, undefined],
  [
    "a file of a piece",
    { contents: [{ files: { "/a": { text: "" } } }], config: { Cmd: ["/a"] } },
    undefined,
  ],
  ["what a volume may have", { config: { Cmd: ["/data/x"], Volumes: { "/data": {} } } }, undefined],
  ["what a script may make", { extraCommands: "true", config: { Cmd: ["/nothing"] } }, undefined],
  [
    "a command with spaces",
    { config: { Cmd: ["/bin/linked -v"] } },
    /^config\.Cmd begins with "\/bin\/linked -v", which has spaces/,
  ],
  [
    "what is not there",
    { config: { Entrypoint: ["/nothing"] } },
    /^config\.Entrypoint begins with "\/nothing", which is not in the image$/,
  ],
  [
    "what is not in PATH",
    { config: { Cmd: ["tool"] } },
    /^config\.Cmd begins with "tool", which is in no folder of the image's PATH$/,
  ],
  ["a link that leads nowhere", { config: { Cmd: ["dangling"] } }, /no folder of the image's PATH/],
])("an image that runs %s", async (_, spec, warning) => {
  expect(await warnings(spec)).toEqual(warning === undefined ? [] : [expect.stringMatching(warning)]);
});

test("an image on a base runs what the base has", async () => {
  const fromImage = folder.join("base.tar");
  expect(await warnings({ fromImage, architecture: "amd64", config: { Cmd: ["sh"], ...BASE } })).toEqual([]);
  expect(await warnings({ fromImage, architecture: "amd64", config: { Cmd: ["csh"], ...BASE } })).toEqual([
    expect.stringContaining('"csh"'),
  ]);
});

test.each([
  [["-o", "x.zip"], /warning: \S*x\.zip is docker-archive, a tar/],
  [
    ["-o", "x.tar.gz", "--compress", "none"],
    /warning: \S*x\.tar\.gz is compressed with none, and its name says gz/,
  ],
  [
    ["-o", "x.tar.gz", "--compress", "zstd"],
    /warning: \S*x\.tar\.gz is compressed with zstd, and its name says gz/,
  ],
  [["-o", "z.tar.gz", "--format", "oci-dir"], /warning: \S*z\.tar\.gz is a folder/],
  [["-o", "y.tar.gz"], undefined],
  [["-o", "y.tar", "--format", "oci-archive"], undefined],
])("an output named as in %j", async ([flag = "", name = "", ...more], warning) => {
  const spec = folder.join("spec.json");
  writeFileSync(spec, JSON.stringify({ name: "named" }));
  const outcome = await runMain([
    "build",
    spec,
    flag,
    folder.join(name),
    ...more,
    "--graph",
    folder.join("graph.json"),
  ]);
  expect(outcome.code).toBe(0);
  if (warning === undefined) expect(outcome.stderr).not.toContain("warning");
  else expect(outcome.stderr).toMatch(warning);
});
