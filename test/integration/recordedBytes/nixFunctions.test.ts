import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll } from "vitest";
import { readImage } from "../../builders/image.js";
import { sha256 } from "../../support/images.js";
import { type NixFunctions, nixFunctions } from "../../support/nixFunctions.js";
import { describeWith } from "../../support/requirements.js";
import { mustRun } from "../../support/run.js";
import { type Digests, memberDigests } from "./digests.js";
import { recordBeside } from "./record.js";

const { recordedTest } = recordBeside(import.meta.filename);

/** Of an archive: its layers, and its configuration, in which store paths have the hash of what built them. */
async function imageDigests(archive: Buffer): Promise<Digests> {
  const { configText, config, manifest } = await readImage(archive);
  return {
    tags: sha256(manifest.RepoTags.join()),
    config: sha256(configText.replaceAll(/\/[^'"\s]*\/[0-9a-z]{32}-/g, "")),
    ...Object.fromEntries(config.rootfs.diff_ids.map((id, i) => [`layer ${i}`, id.slice(7)])),
  };
}

describeWith(["nix-daemon", "nix-store", "fakeroot"], "the recorded bytes are those of", () => {
  let nix: NixFunctions;
  /** By name: what an expression builds. */
  let built: ReadonlyMap<string, string>;
  beforeAll(async () => {
    nix = await nixFunctions();
    // No store path is in any of them, since those have the place of the store and of laminix in them.
    const common = 'tag = "1"; architecture = "amd64";';
    const outputs = await nix.build(`
      let
        root = {
          name = "Layered"; ${common} copyToRoot = [ images.fakeNss ]; extraCommands = "mkdir srv; echo x >srv/file";
          fakeRootCommands = "chown 3:4 srv/file"; perms = [ { path = "/srv"; mode = "0700"; } ];
          config = { Cmd = [ "/bin/x" ]; Env = [ "A=1" ]; Labels.z = "1"; };
        };
        layered = images.buildLayeredImage (root // { compressor = "none"; });
        single = images.buildImage {
          name = "single"; ${common} compressor = "none"; fromImage = layered; copyToRoot = images.fakeNss;
          config.Env = [ "B=2" ]; uid = 7; gid = 8;
        };
      in [
        (images.streamLayeredImage (root // { created = "2024-05-06T07:08:09Z"; mtime = "@7"; uname = "a"; }))
        layered
        single
        (images.mergeImages [ layered single ])
        (images.exportImage { fromImage = single; })
        images.fakeNss
      ]`);
    const names = ["streamLayeredImage", "buildLayeredImage", "buildImage", "mergeImages", "exportImage"];
    const paths = outputs.split("\n");
    built = new Map([...names, "fakeNss"].map((name, i) => [name, paths[i]!]));
  });
  afterAll(async () => {
    await nix[Symbol.asyncDispose]();
  });
  const output = (name: string): Buffer => readFileSync(built.get(name)!);

  recordedTest("streamLayeredImage", async () =>
    imageDigests((await mustRun(built.get("streamLayeredImage")!, [])).stdout),
  );
  for (const name of ["buildLayeredImage", "buildImage"])
    recordedTest(name, async () => imageDigests(output(name)));
  recordedTest("mergeImages, its layers", async () => {
    const members = await memberDigests(gunzipSync(output("mergeImages")));
    return Object.fromEntries(Object.entries(members).filter(([name]) => name.endsWith("/layer.tar")));
  });
  recordedTest("exportImage", async () => ({ tar: sha256(output("exportImage")) }));
  recordedTest("fakeNss", async () => ({
    passwd: sha256(readFileSync(`${built.get("fakeNss")!}/etc/passwd`)),
    group: sha256(readFileSync(`${built.get("fakeNss")!}/etc/group`)),
  }));
});
