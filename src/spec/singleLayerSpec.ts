/** What `buildImage` is asked for with: an image's spec, and keys of its own. */
import { z } from "zod";
import { LaminixError } from "../errors.js";
import type { OnProgress } from "../progress.js";
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
export function resolveSingleLayerSpec(spec: SingleLayerSpec, onProgress?: OnProgress): ResolvedSpec {
  return reading(spec, () => resolved(spec, onProgress));
}

function resolved(spec: SingleLayerSpec, onProgress: OnProgress | undefined): ResolvedSpec {
  const { runAsRoot, diskSize, buildVMMemorySize, ...rest } = spec;
  const machine = machineSchema.safeParse(definedOf({ runAsRoot, diskSize, buildVMMemorySize }));
  if (!machine.success) {
    const [issue] = machine.error.issues;
    const key = issue?.path.join(".") ?? "";
    throw invalid(key, `${key}: ${issue?.message ?? "not valid"}`);
  }
  const image = resolveSpec(withCopies(rest, onProgress));
  const { runAsRoot: text, diskSize: size, buildVMMemorySize: memory } = machine.data;
  if (text === null) return image;
  if (image.fakeRootCommands !== "")
    throw invalid("runAsRoot", "runAsRoot can do what fakeRootCommands does, and both are given");
  return { ...image, runAsRoot: { text, diskSize: size, memory } };
}

/** dockerTools calls it by its old name still, with a warning. */
function withCopies(spec: ImageSpec, onProgress: OnProgress | undefined): ImageSpec {
  const { contents, ...rest } = spec;
  if (contents === undefined || contents === null || (Array.isArray(contents) && contents.length === 0))
    return rest;
  if (rest.copyToRoot !== undefined && rest.copyToRoot !== null)
    throw invalid("contents", "contents is the old name of copyToRoot here, and both are given");
  onProgress?.({
    type: "warning",
    message: "contents is the old name of copyToRoot for an image of one layer",
  });
  return { ...rest, copyToRoot: contents };
}

function definedOf<T extends object>(object: T): Partial<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function invalid(key: string, message: string): LaminixError {
  return new LaminixError("ERR_SPEC", `the image spec is not valid: ${message}`, { details: { key } });
}
