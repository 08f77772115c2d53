import { readFileSync } from "node:fs";
import { afterAll, beforeAll } from "vitest";
import { sha256 } from "../../support/images.js";
import { type ImageRegistry, startImageRegistry } from "../../support/imageRegistry.js";
import { describeWith } from "../../support/requirements.js";
import { archiveDigests } from "./digests.js";
import { type FixedInputs, fixedInputs } from "./fixedInputs.js";
import { recordBeside } from "./record.js";
import { specs } from "./specs.js";

const { recordedTest } = recordBeside(import.meta.filename);

interface Inspected {
  readonly configDigest: string;
  readonly layers: readonly { readonly diffId: string; readonly mediaType: string }[];
}

const needs = ["nix-daemon", "nix-store", "docker-registry", "openssl", "bash", "tar", "fakeroot", "zstd"];

describeWith(needs, "the recorded digests are those of", () => {
  let inputs: FixedInputs;
  let registry: ImageRegistry;
  beforeAll(async () => {
    [inputs, registry] = await Promise.all([fixedInputs(), startImageRegistry({ plain: true })]);
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await inputs[Symbol.asyncDispose]();
  });

  const reference = (name: string): string => `${registry.host}/recorded/${name}`;
  /** The digest of the manifest, in hexadecimal. */
  async function pushed(image: string, to: string, ...flags: readonly string[]): Promise<string> {
    const digest = inputs.newFile("digest");
    const push = ["push", image, reference(to), "--plain-http", "--digest-file", digest];
    await inputs.run([...push, "--layer-compression", "none", ...flags]);
    return readFileSync(digest, "utf8").trim().replace("sha256:", "");
  }
  async function inspected(name: string): Promise<Inspected> {
    const { images } = JSON.parse(
      (
        await inputs.run(["inspect", reference(name), "--plain-http", "--arch", "amd64", "--json"])
      ).toString(),
    ) as { readonly images: readonly [Inspected] };
    return images[0];
  }

  for (const name of [
    ...(["strategy auto", "strategy balanced", "odd names", "fakeRootCommands", "configuration"] as const),
    ...(["no store paths", "nothing", "a docker-archive as base"] as const),
  ])
    recordedTest(`push: ${name}`, async () => ({
      manifest: await pushed(inputs.specFile(specs[name]), "specs:1"),
    }));

  recordedTest("push: an OCI layout as base, with manifests of either format", async () => {
    const spec = inputs.specFile(specs["an OCI layout as base"]);
    return {
      oci: await pushed(spec, "based:oci"),
      docker: await pushed(spec, "based:docker", "--manifest-format", "docker"),
    };
  });

  recordedTest("push: images that are there", async () => {
    const { archive, gzipped, layout } = inputs.ingredients.bases;
    return {
      "a docker-archive": await pushed(archive, "archive:1", "--arch", "amd64"),
      "a docker-archive, compressed": await pushed(gzipped, "gzipped:1", "--arch", "amd64"),
      "a layout": await pushed(layout, "layout:1", "--arch", "amd64"),
      "a layout, with a Docker manifest": await pushed(
        layout,
        "layout:docker",
        ...["--arch", "arm64", "--manifest-format", "docker"],
      ),
    };
  });

  // What an encoder made is not in a configuration.
  for (const compression of ["gz", "zstd"])
    recordedTest(`push: ${compression}`, async () => {
      await pushed(inputs.specFile(specs.copyToRoot), "compressed:1", "--layer-compression", compression);
      const { configDigest, layers } = await inspected("compressed:1");
      const types = layers.map(({ diffId, mediaType }) => ({ diffId, mediaType }));
      return { config: configDigest.slice(7), layers: sha256(JSON.stringify(types)) };
    });

  recordedTest("index, pushed", async () => {
    const index = async (...images: readonly string[]): Promise<string> => {
      const flags = ["--push", reference("index:1"), "--plain-http", "--layer-compression", "none", "--json"];
      const { digest } = JSON.parse((await inputs.run(["index", ...images, ...flags])).toString()) as {
        readonly digest: string;
      };
      return digest.slice(7);
    };
    const spec = inputs.specFile(specs["strategy popularity"]);
    return {
      specs: await index(spec, inputs.specFile(specs["an OCI layout as base"])),
      layout: await index(inputs.ingredients.bases.layout),
    };
  });

  recordedTest("pull", async () => {
    const pulled = async (name: string, ...flags: readonly string[]) => {
      const names = ["--final-image-name", "pulled", "--final-image-tag", "1"];
      return inputs.bytesBy(["pull", reference(name), "--plain-http", ...names, ...flags]);
    };
    await pushed(inputs.specFile(specs.copyToRoot), "pulled:1", "--layer-compression", "gz");
    const image = await archiveDigests(await pulled("pulled:1", "--arch", "amd64"));
    const { layout } = inputs.ingredients.bases;
    await inputs.run(["index", layout, "--push", reference("platforms:1"), "--plain-http"]);
    return { ...image, "of several platforms": sha256(await pulled("platforms:1", "--arch", "arm64")) };
  });

  recordedTest("stream, upon an image of a registry", async () => {
    const digest = await pushed(inputs.ingredients.bases.archive, "base:1", "--arch", "amd64");
    const fromImage = `docker://${reference("base")}@sha256:${digest}`;
    return archiveDigests(
      await inputs.run(["stream", inputs.specFile((of) => ({ ...specs["a layer a path"](of), fromImage }))]),
    );
  });
});
