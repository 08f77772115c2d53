import { mkdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, test } from "vitest";
import { readImage } from "../../builders/image.js";
import { sha256 } from "../../support/images.js";
import { describeWith } from "../../support/requirements.js";
import { mustRun } from "../../support/run.js";
import { archiveDigests, contentDigests, fileDigests, memberDigests } from "./digests.js";
import { writeBinaryCache } from "./fixedStore.js";
import { type FixedInputs, fixedInputs } from "./fixedInputs.js";
import { recordBeside } from "./record.js";
import { singleLayerSpecs, type Spec, specs } from "./specs.js";

const { recordedTest, expectRecorded } = recordBeside(import.meta.filename);
const plainLayers = ["--layer-compression", "none"] as const;
const compressions = ["none", "gz", "zstd"] as const;

let inputs: FixedInputs;
const streamed = (spec: Spec, store?: string): Promise<Buffer> =>
  inputs.run(["stream", inputs.specFile(spec)], store);
const archiveOf = (spec: Spec, ...flags: readonly string[]): Promise<string> =>
  inputs.fileBy(["build", inputs.specFile(spec), ...flags]);
const layoutOf = (spec: Spec): Promise<string> =>
  inputs.fileBy(["build", inputs.specFile(spec), "--format", "oci-dir", ...plainLayers], "layout");

/** The bytes of a file before they were compressed. */
async function plain(file: string, compression: (typeof compressions)[number]): Promise<Buffer> {
  if (compression === "gz") return gunzipSync(readFileSync(file));
  if (compression === "zstd") return (await mustRun("zstd", ["-qdc", file])).stdout;
  return readFileSync(file);
}

async function unpacked(archive: Buffer): Promise<string> {
  const to = inputs.newFile("unpacked");
  mkdirSync(to);
  await mustRun("tar", ["-C", to, "-xf", "-"], { input: archive });
  return to;
}

const needs = ["nix-daemon", "nix-store", "nix-instantiate", "sqlite3", "bash", "tar", "fakeroot", "zstd"];

describeWith(needs, "the recorded bytes are those of", () => {
  beforeAll(async () => {
    inputs = await fixedInputs();
  });
  afterAll(async () => {
    await inputs[Symbol.asyncDispose]();
  });

  for (const [name, spec] of Object.entries<Spec>(specs))
    recordedTest(`stream: ${name}`, async () => archiveDigests(await streamed(spec)));

  test("streams of store paths that come as NARs from a binary cache", async () => {
    const cache = await writeBinaryCache(inputs.store, inputs.newFile("binary-cache"));
    for (const name of ["odd names", "copyToRoot", "strategy balanced"] as const)
      expectRecorded(`stream: ${name}`, await archiveDigests(await streamed(specs[name], cache)));
  });

  // SQLite's own bytes are another release's business.
  recordedTest("stream: includeNixDB, without the database's content", async () => {
    const spec: Spec = (of) => ({ ...specs["one store layer"](of), includeNixDB: true });
    const { layers, config } = await readImage(await streamed(spec));
    const root = layers.at(-1)!.map(({ header, body }) => {
      const { name, type, mode, uid, gid, mtime, linkname } = header;
      const content = name.includes("/db.sqlite") ? undefined : sha256(body);
      return { name, type, mode, uid, gid, mtime, linkname, content };
    });
    return { "store layer": config.rootfs.diff_ids[0]!.slice(7), root: sha256(JSON.stringify(root)) };
  });

  for (const [name, spec] of Object.entries<Spec>(specs).slice(0, 5))
    recordedTest(`layers: ${name}`, async () => {
      const printed = await inputs.run(["layers", inputs.specFile(spec), "--json"]);
      const { warnings: _, ...plan } = JSON.parse(printed.toString()) as Record<string, unknown>;
      return { json: sha256(`${JSON.stringify(plan)}\n`) };
    });

  for (const name of ["configuration", "an OCI layout as base"] as const)
    for (const compression of compressions) {
      const flags = ["--compress", compression, "--layer-compression", compression];
      const isPlain = compression === "none";
      test(`build: ${name}, docker-archive, ${compression}, as it is streamed`, async () => {
        const archive = await archiveOf(specs[name], "--compress", compression);
        expectRecorded(`stream: ${name}`, await archiveDigests(await plain(archive, compression)));
      });
      recordedTest(`build: ${name}, oci-dir, ${compression}`, async () => {
        const format = ["--format", "oci-dir", "--layer-compression", compression];
        const layout = await inputs.fileBy(["build", inputs.specFile(specs[name]), ...format], "layout");
        return isPlain ? fileDigests(layout) : contentDigests(layout);
      });
      test(`build: ${name}, oci-archive, ${compression}, the files of the layout`, async () => {
        const archive = await archiveOf(specs[name], "--format", "oci-archive", ...flags);
        const bytes = await plain(archive, compression);
        const digests = isPlain ? await memberDigests(bytes) : await contentDigests(await unpacked(bytes));
        expectRecorded(`build: ${name}, oci-dir, ${compression}`, digests);
      });
    }

  for (const [name, spec] of Object.entries<Spec>(singleLayerSpecs))
    recordedTest(`build-image: ${name}`, async () =>
      archiveDigests(await inputs.bytesBy(["build-image", inputs.specFile(spec)])),
    );
  recordedTest("build-image: an OCI layout as base, oci-dir", async () => {
    const spec = inputs.specFile(singleLayerSpecs["an OCI layout as base"]);
    const flags = ["--format", "oci-dir", ...plainLayers];
    return fileDigests(await inputs.fileBy(["build-image", spec, ...flags], "layout"));
  });

  recordedTest("customise", async () => {
    return fileDigests(await inputs.fileBy(["customise", inputs.specFile(specs.perms)], "customisation"));
  });

  recordedTest("merge", async () => {
    const archives = [
      await archiveOf(specs["one store layer"], "--tag", "one"),
      await archiveOf(specs["a plain folder"], "--tag", "two", "--compress", "zstd"),
      inputs.ingredients.bases.gzipped,
      await layoutOf(specs.configuration),
    ];
    return archiveDigests(await inputs.bytesBy(["merge", ...archives]));
  });

  recordedTest("export", async () => {
    const exported = async (image: string): Promise<string> => sha256(await inputs.run(["export", image]));
    return {
      "a docker-archive": await exported(inputs.ingredients.bases.archive),
      "an image on a docker-archive": await exported(await archiveOf(specs["a docker-archive as base"])),
      "an image on a layout": await exported(await layoutOf(specs["an OCI layout as base"])),
      "odd names": await exported(await archiveOf(specs["odd names"])),
    };
  });

  recordedTest("index", async () => {
    const images = [
      await archiveOf(specs["one store layer"]),
      await layoutOf(specs["an OCI layout as base"]),
      inputs.specFile(specs.configuration),
    ];
    const flags = ["--name", "image:all", "--annotation", "a=b", ...plainLayers];
    return fileDigests(await inputs.fileBy(["index", ...images, ...flags], "index"));
  });

  recordedTest("nix-shell", async () => {
    const { store } = inputs;
    const [bash, tool] = [store.path("bash-5.2"), store.path("tool-2")];
    const builder = `${bash}/bin/bash`;
    const system = "x86_64-linux";
    const env = { system, out: store.path("thing-1.0"), buildInputs: tool, greeting: "hello\n'there'" };
    const captured = { name: "thing-1.0", builder, args: ["-e", "x"], env };
    const expression = `derivation {
      name = "thing-1.0"; system = "${system}"; builder = "\${builtins.storePath "${bash}"}/bin/bash";
      args = [ "-e" "x" ]; buildInputs = builtins.storePath "${tool}"; greeting = "hello\n'there'";
    }`;
    const { stdout } = await store.nix.run("nix-instantiate", ["--expr", expression]);
    const shell = async (source: string, ...flags: readonly string[]): Promise<string> =>
      sha256(await inputs.run(["nix-shell", source, ...flags]));
    return {
      captured: await shell(inputs.write("env.json", JSON.stringify(captured)), "--run", "buildDerivation"),
      derivation: await shell(stdout.toString().trim(), "--uid", "0", "--gid", "0", "--home", "/root"),
    };
  });
});
