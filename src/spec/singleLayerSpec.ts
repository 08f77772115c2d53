/** What `buildImage` is asked for with: an image's spec, and keys of its own. */
import { z } from "zod";
import type { Progress } from "../progress.js";
import { checked, invalidSpec } from "./invalid.js";
import { type ImageSpec, reading, type ResolvedSpec, resolveSpec, specSchema } from "./spec.js";

const machineSchema = z.strictObject({
  runAsRoot: z
    .string()
    .nullable()
    .default(null)
    .describe("A script that runs as root over the image's files, in a virtual machine."),
  diskSize: z.int().min(1).default(1024).describe("The virtual machine's disk, in MiB."),
  buildVMMemorySize: z.int().min(1).default(512).describe("The virtual machine's memory, in MiB."),
});

/** Every key, for the published JSON schema. */
export const singleLayerSpecSchema = specSchema.extend(machineSchema.shape);

/** Keys of its own, beside those of `ImageSpec`; `contents` is another name for `copyToRoot` there. */
export type SingleLayerSpec = ImageSpec & z.input<typeof machineSchema>;

/** @throws {LaminixError} ERR_SPEC, ERR_SPEC_UNKNOWN_KEY, ERR_JSON */
export function resolveSingleLayerSpec(spec: SingleLayerSpec, progress: Progress): ResolvedSpec {
  return reading(spec, () => resolved(spec, progress));
}

function resolved(spec: SingleLayerSpec, progress: Progress): ResolvedSpec {
  const { runAsRoot, diskSize, buildVMMemorySize, ...rest } = spec;
  const machine = checked(machineSchema, { runAsRoot, diskSize, buildVMMemorySize }, (key, message) =>
    invalidSpec(key, `${key}: ${message}`),
  );
  const image = resolveSpec(withCopies(rest, progress), progress);
  const { runAsRoot: text, diskSize: size, buildVMMemorySize: memory } = machine;
  if (text === null) return image;
  if (image.fakeRootCommands !== "")
    throw invalidSpec("runAsRoot", "runAsRoot can do what fakeRootCommands does, and both are given");
  return { ...image, runAsRoot: { text, diskSize: size, memory } };
}

/** dockerTools calls it by its old name still, with a warning. */
function withCopies(spec: ImageSpec, progress: Progress): ImageSpec {
  const { contents, ...rest } = spec;
  if (contents === undefined || contents === null || (Array.isArray(contents) && contents.length === 0))
    return rest;
  if (rest.copyToRoot !== undefined && rest.copyToRoot !== null)
    throw invalidSpec("contents", "contents is the old name of copyToRoot here, and both are given");
  progress.warn("contents is the old name of copyToRoot for an image of one layer");
  return { ...rest, copyToRoot: contents };
}
