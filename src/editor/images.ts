/** Images of a spec that a user asks for. */
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readFile } from "node:fs/promises";
import { LaminixError, named } from "../errors.js";
import type { OnProgress } from "../progress.js";
import type { ImageSpec } from "../spec/spec.js";
import type { Editor } from "./editor.js";
import type { Asking } from "./asking.js";
import { workDone } from "./workDone.js";

/**
 * Writes the image to a file.
 * @param output its path; beside the spec unless given: `web.laminix.json` becomes `web.tar.gz`
 */
export async function buildSpec(
  uri: string,
  output: string | undefined,
  editor: Editor,
  asking: Asking,
): Promise<object> {
  const file = fileOf(uri);
  const spec = await specIn(file, uri, editor);
  const place = output ?? `${file.replace(/(?:\.laminix)?\.json$/, "")}.tar${endingOf(spec)}`;
  const { buildLayeredImage } = await import("../builders/build/buildLayeredImage.js");
  return workDone("Building the image", editor, asking, async (signal, onProgress) => {
    const store = await editor.facts.store;
    return buildLayeredImage(spec, { output: resolve(dirname(file), place), store, signal, onProgress });
  });
}

/** Loads the image into Docker, or what the environment says. */
export async function loadSpec(uri: string, editor: Editor, asking: Asking): Promise<object> {
  const spec = await specIn(fileOf(uri), uri, editor);
  const { streamLayeredImage } = await import("../builders/build/streamLayeredImage.js");
  const { loadImage } = await import("../builders/load/loadImage.js");
  return workDone("Loading the image", editor, asking, async (signal, onProgress: OnProgress) => {
    const store = await editor.facts.store;
    await using image = await streamLayeredImage(spec, { store, signal, onProgress });
    return await loadImage(image, { signal, onProgress });
  });
}

function fileOf(uri: string): string {
  try {
    return fileURLToPath(uri);
  } catch (cause) {
    throw new LaminixError("ERR_ARGUMENT", `${named(uri)} is not a file`, { cause, details: { uri } });
  }
}

/** As the editor has it; plain folders in it start from the file. */
async function specIn(file: string, uri: string, { documents }: Editor): Promise<ImageSpec> {
  const { parseSpec } = await import("../spec/specFile.js");
  const spec = parseSpec(documents.get(uri)?.text ?? (await textOf(file)), file);
  const absolute = <T>(entry: T): T | string =>
    typeof entry === "string" && !entry.startsWith("/") ? join(dirname(file), entry) : entry;
  const entries = <T>(given: T): T =>
    Array.isArray(given) ? (given.map((entry: unknown) => absolute(entry)) as T) : (absolute(given) as T);
  return {
    ...spec,
    ...(spec.contents !== undefined && { contents: entries(spec.contents) }),
    ...(spec.copyToRoot !== undefined && { copyToRoot: entries(spec.copyToRoot) }),
  };
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new LaminixError("ERR_FILE_READ", `${named(file)} cannot be read`, {
      cause,
      details: { path: file },
    });
  }
}

function endingOf({ compressor = "gz" }: ImageSpec): string {
  return compressor === "none" ? "" : compressor === "zstd" ? ".zst" : `.${compressor}`;
}
