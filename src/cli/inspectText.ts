/** What is in images, as text and as JSON. Files are told as they are read, so that no list of them is kept. */
import { formatJson, type Json, JsonNumber, jsonObject, type JsonObject } from "../bytes/json.js";
import type { DigestCache } from "../image/digestCache.js";
import { knownConfig, type NamedImage } from "../image/image.js";
import { redactUrl } from "../redact.js";
import { describeImages, layerDescriptors } from "../transports/describe.js";
import { filesOf, layerContents, type PathInLayer } from "../transports/layerContents.js";
import { type ShownText, type Span, styled } from "./colour.js";
import { bytes, counted } from "../format.js";

interface InspectOptions {
  /** Whether the files of each layer are listed. */
  readonly files: boolean;
  /** Remembers what has compressed layers on this machine. */
  readonly cache: DigestCache;
  readonly signal: AbortSignal;
}

const INDENT = "          ";
/** Characters of a command that fit into a line. */
const COMMAND = 100;

export async function* inspectLines(
  { image, references }: NamedImage,
  { files, cache, signal }: InspectOptions,
): AsyncGenerator<ShownText> {
  const { manifest } = image;
  const runs = formatJson(knownConfig(image).json.get("config") ?? null);
  const descriptors = await layerDescriptors(image.layers, { signal });
  const size = descriptors.reduce((sum, layer) => sum + layer.size, 0);
  const encoders = new Set(descriptors.flatMap(({ digest }) => cache.encoderOf(digest) ?? []));
  yield [
    styled("heading", references.join(" ") || "(no tag)"),
    "\n",
    ...(manifest ? [`  digest  ${manifest.digest}\n`] : []),
    `  config  ${knownConfig(image).digest}\n`,
    `  runs    ${runs}\n`,
    `  layers  ${counted(descriptors.length, "layer")}, ${bytes(size)}\n`,
    ...[...encoders].map((encoder) => `  packed  ${encoder}\n`),
  ];
  let i = 0;
  for await (const { storePaths = [], createdBy } of layerContents(image, { unpack: files, signal })) {
    const [layer, descriptor] = [image.layers[i], descriptors[i]];
    i++;
    if (!layer || !descriptor) return;
    yield [
      `${INDENT}${descriptor.digest}  `,
      styled("number", bytes(descriptor.size).padStart(8)),
      "\n",
      ...(descriptor.urls ?? []).map((url) => `${INDENT}  from ${redactUrl(url)}\n`),
      ...storePaths.flatMap(pathLine),
      ...(createdBy !== undefined && storePaths.length === 0
        ? [`${INDENT}  created by ${shortened(createdBy)}\n`]
        : []),
    ];
    if (!files) continue;
    for await (const file of filesOf(layer, { signal })) {
      yield `${INDENT}    ${file.type.padEnd(9)}  ${bytes(file.size).padStart(8)}  ${file.name.replaceAll("\n", "\\n")}\n`;
    }
  }
}

function pathLine({ name, version, size }: PathInLayer): (string | Span)[] {
  const room = size === undefined ? "" : bytes(size);
  return [`${INDENT}  `, styled("number", room.padStart(8)), `  ${`${name} ${version}`.trim()}\n`];
}

function shortened(command: string): string {
  const line = command.replace(/\s+/g, " ").trim();
  return line.length > COMMAND ? `${line.slice(0, COMMAND - 1)}…` : line;
}

/** An object without its closing brace, in pieces. */
export async function* inspectJson(
  opened: { readonly images: readonly NamedImage[] },
  { files, cache, signal }: InspectOptions,
): AsyncGenerator<string> {
  const document = await describeImages(opened, { signal, cache, unpack: files });
  if (!files) {
    yield open(document);
    return;
  }
  const described = document.get("images") as readonly JsonObject[];
  let before = '{"images": [';
  for (const [i, named] of opened.images.entries()) {
    yield before;
    yield* withFiles(described[i] ?? new Map<string, Json>(), named, signal);
    before = ", ";
  }
  yield opened.images.length === 0 ? `${before}]` : "]";
}

async function* withFiles(
  facts: JsonObject,
  { image }: NamedImage,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const layers = facts.get("layers") as readonly JsonObject[];
  yield `${open(new Map([...facts].filter(([key]) => key !== "layers")))}, "layers": [`;
  for (const [i, layer] of image.layers.entries()) {
    yield `${i === 0 ? "" : ", "}${open(layers[i] ?? new Map<string, Json>())}, "files": [`;
    let before = "";
    for await (const { type, size, name } of filesOf(layer, { signal })) {
      yield `${before}${formatJson(jsonObject({ type, size: new JsonNumber(String(size)), name }))}`;
      before = ", ";
    }
    yield "]}";
  }
  yield "]}";
}

/** An object to which more can be added. */
function open(object: JsonObject): string {
  return formatJson(object).slice(0, -1);
}
