/** The layer of an image's root in a folder, as nixpkgs' `streamLayeredImage` has it. */
import { openOutput } from "../../files/output.js";
import { NewFolder } from "../../files/stagingFolder.js";
import { once } from "../../bytes/bytes.js";
import type { LayerDigest } from "../../image/layer.js";
import { type BuildOptions, checkBuildOptions } from "../../planning/buildOptions.js";
import { prepare } from "../../planning/prepare.js";
import { Progress } from "../../progress.js";
import { type ImageSpec, resolveSpec } from "../../spec/spec.js";
import { writeArchive } from "../../transports/file.js";

/**
 * Writes `layer.tar` and its SHA-256, `checksum`, to a folder that is made.
 * @returns the hash and the size of the layer's tar
 * @throws {LaminixError} as `streamLayeredImage`; ERR_FILE_WRITE
 */
export async function writeCustomisation(
  spec: ImageSpec,
  folder: string,
  options: BuildOptions,
): Promise<LayerDigest> {
  checkBuildOptions(options);
  const { signal } = options;
  const progress = new Progress(options.onProgress);
  const resolved = resolveSpec(spec, progress);
  await using target = await NewFolder.at(folder);
  await using prepared = await prepare(resolved, { ...options, progress, layering: "none", hold: true });
  const { layer } = prepared.rootLayer;
  const digest = await layer.diffId({ signal });
  const made = await target.path();
  await using checksum = await openOutput(`${made}/checksum`, { signal, content: "text" });
  await checksum.write(once(Buffer.from(digest.diffId.slice("sha256:".length))));
  await using tar = await openOutput(`${made}/layer.tar`, { signal, content: "archive" });
  await writeArchive(tar, layer.open({ signal }), { compression: "none", signal });
  await target.commit();
  return digest;
}
