/** The layer of an image's root in a folder, as nixpkgs' `streamLayeredImage` has it. */
import { openOutput } from "../../files/output.js";
import { NewFolder } from "../../files/stagingFolder.js";
import { once } from "../../bytes/bytes.js";
import { parseTime } from "../../image/time.js";
import { nixStore } from "../../store/defaultStore.js";
import { writeArchive } from "../../transports/file.js";
import { Base } from "../../planning/base.js";
import { type BuildOptions, checkBuildOptions } from "../../planning/buildOptions.js";
import { imageParts } from "../../planning/plan.js";
import { type ImageSpec, resolveSpec } from "../../spec/spec.js";

/**
 * Writes `layer.tar` and its SHA-256, `checksum`, to a folder that is made.
 * @throws {LaminixError} as `streamLayeredImage`; ERR_FILE_WRITE
 */
export async function writeCustomisation(
  spec: ImageSpec,
  folder: string,
  options: BuildOptions,
): Promise<void> {
  checkBuildOptions(options);
  const { store = nixStore, signal, onProgress } = options;
  const resolved = resolveSpec(spec);
  const { seconds: mtime } = parseTime(resolved.mtime, "mtime");
  await using target = await NewFolder.at(folder);
  using base = await Base.of(resolved, options);
  await using parts = await imageParts(resolved, store, base, { mtime, signal, onProgress, hold: true });
  const { layer } = parts.customisation;
  const { diffId } = await layer.diffId({ signal });
  const made = await target.path();
  await using checksum = await openOutput(`${made}/checksum`, { signal, content: "text" });
  await checksum.write(once(Buffer.from(diffId.slice("sha256:".length))));
  await using tar = await openOutput(`${made}/layer.tar`, { signal, content: "archive" });
  await writeArchive(tar, layer.open({ signal }), { compression: "none", signal });
  await target.commit();
}
