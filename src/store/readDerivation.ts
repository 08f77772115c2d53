/** Derivations in a store, and what they are built from. */
import { readFile, stat } from "node:fs/promises";
import { LaminixError } from "../errors.js";
import { readNar } from "../nar/read.js";
import type { NarSource } from "../nar/source.js";
import { verifyNar } from "../nar/verify.js";
import { notValid } from "./pathInfo.js";
import type { StorePath } from "./storePath.js";
import type { StoreSource } from "./storeSource.js";
import { type Derivation, MAX_DERIVATION, parseDerivation } from "./derivation.js";
import { type Derivation as DerivationValue, derivationValue } from "./derivationValue.js";

interface Options {
  readonly signal?: AbortSignal | undefined;
}

/** @throws {LaminixError} ERR_DERIVATION, ERR_UNSUPPORTED, ERR_PATH_NOT_VALID, ERR_FILE_READ, ERR_NAR, ERR_NAR_HASH */
export async function readDerivation(
  store: Pick<StoreSource, "open">,
  path: StorePath,
  options: Options = {},
): Promise<Derivation> {
  return parseDerivation(await derivationBytes(store, path, options), path);
}

/** See `NixStore.derivation`. */
export async function readDerivationValue(
  store: Pick<StoreSource, "open">,
  path: StorePath,
  options: Options,
): Promise<DerivationValue> {
  const derivation = await readDerivation(store, path, options);
  try {
    return derivationValue(derivation);
  } catch (cause) {
    throw new LaminixError(
      "ERR_DERIVATION",
      `${path} is not a derivation: its structured attributes are not JSON`,
      {
        cause,
        details: { path },
      },
    );
  }
}

/**
 * The file, or if that is larger than any derivation, as many bytes as are too many.
 * @throws {LaminixError} ERR_PATH_NOT_VALID, ERR_FILE_READ, ERR_NAR, ERR_NAR_HASH
 */
export async function derivationBytes(
  store: Pick<StoreSource, "open">,
  path: StorePath,
  options: Options = {},
): Promise<Uint8Array> {
  const files = await store.open(path);
  return "disk" in files ? fromDisk(files.disk, path) : fromNar(files, path, options);
}

/**
 * The store paths that a derivation is built from: its sources, and the outputs of others that it wants.
 * @throws {LaminixError} as `readDerivation`, for each of those others; ERR_UNSUPPORTED where an output's path is known
 *   only after its build
 */
export async function inputsOf(
  store: Pick<StoreSource, "open">,
  { inputDrvs, inputSrcs }: Derivation,
  options: Options = {},
): Promise<StorePath[]> {
  const inputs = new Set(inputSrcs);
  for (const [path, names] of inputDrvs) {
    options.signal?.throwIfAborted();
    const { outputs } = await readDerivation(store, path, options);
    for (const name of names) inputs.add(outputPath(path, outputs, name));
  }
  return [...inputs];
}

/**
 * @throws {LaminixError} ERR_UNSUPPORTED where it is known only after the build; ERR_DERIVATION where there is no such output
 */
export function outputPath(path: StorePath, outputs: Derivation["outputs"], name: string): StorePath {
  const output = outputs.get(name);
  if (output !== undefined) return output;
  if (outputs.has(name)) {
    throw new LaminixError(
      "ERR_UNSUPPORTED",
      `the path of the output ${name} of ${path} is known only after its build`,
      { details: { path, output: name }, hint: "content-addressed derivations are not known here" },
    );
  }
  throw new LaminixError("ERR_DERIVATION", `${path} has no output ${name}`, {
    details: { path, output: name },
  });
}

async function fromDisk(disk: string, path: StorePath): Promise<Uint8Array> {
  try {
    const { size } = await stat(disk);
    return size > MAX_DERIVATION ? new Uint8Array(MAX_DERIVATION + 1) : await readFile(disk);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") throw notValid(path);
    throw new LaminixError("ERR_FILE_READ", `${path} cannot be read`, { cause, details: { path } });
  }
}

/** Bytes of a NAR around those of the file in it, at the most. */
const AROUND = 256;

async function fromNar(source: NarSource, path: StorePath, { signal }: Options): Promise<Uint8Array> {
  if (source.narSize > MAX_DERIVATION + AROUND) return new Uint8Array(MAX_DERIVATION + 1);
  const contents: Buffer[] = [];
  const nar = verifyNar(source.nar({ signal }), source, { name: path, signal });
  for await (const event of readNar(nar, { name: path })) {
    if (event.type === "contents") contents.push(Buffer.from(event.bytes));
  }
  return Buffer.concat(contents);
}
