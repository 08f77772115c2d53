/** The layer of an image's root in a folder, as nixpkgs' `streamLayeredImage` has it. */
import { randomBytes } from "node:crypto";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { absolutePath } from "../../files/home.js";
import { removeTree } from "../../files/removeTree.js";
import { parseTime } from "../../image/time.js";
import { nixStore } from "../../store/defaultStore.js";
import { cannotWrite } from "../../files/cannotWrite.js";
import { writeFileWhole } from "../../transports/file.js";
import { Base } from "../base.js";
import { type BuildOptions, checkBuildOptions } from "../buildOptions.js";
import { imageParts } from "../plan.js";
import { type ImageSpec, resolveSpec } from "../spec.js";

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
  using base = await Base.of(resolved, options);
  await using parts = await imageParts(resolved, store, base, { mtime, signal, onProgress, hold: true });
  const { layer } = parts.customisation;
  const { diffId } = await layer.diffId({ signal });
  const target = absolutePath(folder);
  const partial = `${target}.${randomBytes(6).toString("hex")}.partial`;
  making(folder, () => {
    mkdirSync(partial);
  });
  try {
    making(folder, () => {
      writeFileSync(join(partial, "checksum"), diffId.slice("sha256:".length));
    });
    await writeFileWhole(join(partial, "layer.tar"), layer.open({ signal }), { compression: "none", signal });
    making(folder, () => {
      renameSync(partial, target);
    });
  } catch (error) {
    removeTree(partial);
    throw error;
  }
}

function making(folder: string, act: () => void): void {
  try {
    act();
  } catch (cause) {
    throw cannotWrite(folder, cause);
  }
}
