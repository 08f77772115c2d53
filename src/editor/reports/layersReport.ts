/** The layers of an image spec, as a text. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { bytes, counted, namesOf } from "../../format.js";
import { LaminixError, named } from "../../errors.js";
import type { Editor } from "../editor.js";
import type { Asking } from "../asking.js";
import { readJsonTree } from "../spec/jsonTree.js";
import { type SpecDocument, specDocument } from "../spec/specDocument.js";
import { specLayers } from "../spec/specLayers.js";

/** @param uri of the spec @throws {LaminixError} ERR_FILE_READ, ERR_SPEC, ERR_PATH_NOT_VALID, … */
export async function layersReport(uri: string, editor: Editor, asking: Asking): Promise<string> {
  const document = await documentOf(uri, editor);
  const planned = await specLayers(document, editor.facts, asking);
  const { strategy, layers, paths: count, narSize: all, efficiency, leftOut } = planned;
  const size = layers.reduce((sum, { narSize }) => sum + narSize, 0);
  const row = (cells: readonly [string, string, string, string]): string =>
    `${cells[0].padStart(5)}  ${cells[1].padStart(8)}  ${cells[2].padStart(5)}  ${cells[3]}`;
  return [
    `${counted(layers.length, "layer")} by ${strategy}, ${bytes(size)}; efficiency ${efficiency.toFixed(3)}`,
    `${counted(count, "store path")}, ${bytes(all)}`,
    ...(leftOut.length === 0 ? [] : [`without ${leftOut.join(", ")}`]),
    "",
    row(["layer", "size", "paths", "names"]),
    ...layers.map(({ paths, narSize }, i) =>
      row([String(i + 1), bytes(narSize), String(paths.length), namesOf(paths, 8)]),
    ),
    "",
  ].join("\n");
}

/** As it is open in the editor, or as the file has it. */
async function documentOf(uri: string, editor: Editor): Promise<SpecDocument> {
  const open = editor.documents.get(uri);
  if (open) return specDocument(open, editor) ?? { tree: readJsonTree(open.text), schema: "spec" };
  return { tree: readJsonTree(await fileText(uri)), schema: "spec" };
}

async function fileText(uri: string): Promise<string> {
  try {
    return await readFile(fileURLToPath(uri), "utf8");
  } catch (cause) {
    throw new LaminixError("ERR_FILE_READ", `${named(uri)} cannot be read`, { cause, details: { uri } });
  }
}
