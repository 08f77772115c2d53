/**
 * dockerTools' `streamNixShellImage` and `buildNixShellImage`: an image with a shell in which a derivation can be built
 * by hand, in the environment that Nix would build it in.
 */
import { requireKnown, requireOneOf, requireString } from "../../arguments.js";
import { type Compressor, COMPRESSORS } from "../../compress/compressors.js";
import { ArgumentError, LaminixError } from "../../errors.js";
import { readText } from "../../files/readText.js";
import { nixStore } from "../../store/defaultStore.js";
import { type StorePath, toStorePath } from "../../store/storePath.js";
import { BUILD_KEYS, type BuildOptions, checkBuildOptions } from "../../planning/buildOptions.js";
import { checkNixShellOptions, type NixShellOptions, SHELL_KEYS } from "./options.js";
import type { ShellDerivation } from "./shellDerivation.js";
import type { StoreSource } from "../../store/storeSource.js";
import type { BuiltImage } from "../build/builtImage.js";
import type { BuildFileOptions, ImageFile } from "../build/imageFile.js";

export interface NixShellImageOptions extends NixShellOptions, BuildOptions {}

/**
 * Plans an image with a shell for a derivation, whose inputs are in it, and whose outputs are not.
 * @param derivation the path of a `.drv` file in the store, or what `readCapturedEnvironment` gave
 * @throws {ArgumentError} ERR_ARGUMENT
 * @throws {LaminixError} ERR_DERIVATION; ERR_UNSUPPORTED for structured attributes, content-addressed derivations, other
 *   systems than Linux, builders that are no bash where `shell` is not given, and both `command` and `run`;
 *   ERR_PATH_NOT_VALID where not all inputs have been built; and what `streamLayeredImage` throws
 */
export async function streamNixShellImage(
  derivation: string | ShellDerivation,
  options: NixShellImageOptions = {},
): Promise<BuiltImage> {
  requireKnown(options, [...BUILD_KEYS, ...SHELL_KEYS]);
  return shellImage(derivation, options);
}

async function shellImage(
  derivation: string | ShellDerivation,
  options: NixShellImageOptions,
): Promise<BuiltImage> {
  checkNixShellOptions(options);
  checkBuildOptions(options);
  const { store = nixStore } = options;
  const isPath = typeof derivation === "string";
  if (!isPath) requireShellDerivation(derivation);
  const near = isPath ? derivation : derivation.builder;
  const storeDir = await store.storeDir({ near, signal: options.signal });
  const shellFor = isPath ? await readInStore(toStorePath(derivation, storeDir), store, options) : derivation;
  const { shellSpec } = await import("./shellSpec.js");
  const spec = shellSpec(shellFor, options, { storeDir });
  const { layeredImage } = await import("../build/layeredImage.js");
  return layeredImage(spec, options);
}

export interface BuildNixShellImageOptions extends NixShellImageOptions, BuildFileOptions {
  /** Compression of the archive; default: gzip. */
  readonly compressor?: Compressor | undefined;
}

/**
 * Writes the docker-archive of such an image to a file, which is there whole or not at all.
 * @throws {LaminixError} as `streamNixShellImage`, and ERR_FILE_WRITE
 */
export async function buildNixShellImage(
  derivation: string | ShellDerivation,
  options: BuildNixShellImageOptions,
): Promise<ImageFile> {
  const { FILE_KEYS, openImageOutput, writeImageFile } = await import("../build/imageFile.js");
  requireKnown(options, [...FILE_KEYS, ...SHELL_KEYS, "compressor"]);
  await using output = await openImageOutput(options);
  const { compressor } = options;
  if (compressor !== undefined) requireOneOf(compressor, COMPRESSORS, "options.compressor");
  await using image = await shellImage(derivation, options);
  return await writeImageFile(image, output, options, compressor);
}

/**
 * The captured environment of a build, in JSON: `{ "name", "builder", "args", "env": { … } }`.
 * @throws {LaminixError} ERR_FILE_READ, ERR_JSON, ERR_DERIVATION
 */
export async function readCapturedEnvironment(file: string): Promise<ShellDerivation> {
  requireString(file, "file");
  const { parseCapturedEnvironment } = await import("./shellDerivation.js");
  return parseCapturedEnvironment(readText(file), file);
}

function requireShellDerivation(value: unknown): asserts value is ShellDerivation {
  const isOne = typeof value === "object" && value !== null && "env" in value && value.env instanceof Map;
  if (!isOne)
    throw new ArgumentError("derivation", "the path of a .drv file, or a captured environment", value);
}

async function readInStore(
  path: StorePath,
  store: StoreSource,
  { signal }: BuildOptions,
): Promise<ShellDerivation> {
  const { inputsOf, readDerivation } = await import("../../store/readDerivation.js");
  const { shellDerivation } = await import("./shellDerivation.js");
  const derivation = await readDerivation(store, path, { signal });
  const inputs = await inputsOf(store, derivation, { signal });
  try {
    await store.closure(inputs, { signal });
  } catch (cause) {
    if (!(cause instanceof LaminixError) || cause.code !== "ERR_PATH_NOT_VALID") throw cause;
    throw new LaminixError("ERR_PATH_NOT_VALID", `an input of ${path} has not been built: ${cause.message}`, {
      cause,
      details: { ...cause.details, derivation: path },
      hint: `build what it needs: nix-store --realise $(nix-store --query --references ${path})`,
    });
  }
  return shellDerivation(derivation, inputs);
}
