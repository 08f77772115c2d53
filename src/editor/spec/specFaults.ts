/** What is wrong with a spec, each fault where it is. */
import type { Diagnostic } from "vscode-languageserver-protocol";
import { fromJs, isObject } from "../../bytes/json.js";
import { nearestWord } from "../../errors.js";
import type { OpenText } from "../openText.js";
import { type JsonNode, type JsonPath, nodeAt, valueOf } from "./jsonTree.js";
import type { SpecDocument } from "./specDocument.js";

/** LSP 3.18, DiagnosticSeverity. */
const ERROR = 1;
const WARNING = 2;

/** Faults of one spec that are shown. */
const MOST = 100;

export async function specFaults(text: OpenText, { tree, schema }: SpecDocument): Promise<Diagnostic[]> {
  const make = (
    at: { start: number; end: number },
    severity: 1 | 2,
    code: string,
    message: string,
  ): Diagnostic => ({
    range: text.rangeOf(at.start, at.end),
    severity,
    code,
    source: "laminix",
    message,
  });
  const [fault] = tree.faults;
  if (fault) return [make(fault, ERROR, "ERR_JSON", fault.message)];
  const { root } = tree;
  if (root.kind !== "object") return [make(root, ERROR, "ERR_SPEC", "an image spec is an object")];
  const found = [...twice(root)].map((key) => make(key, WARNING, "ERR_JSON", "this key is there twice"));
  const { specSchema } = await import("../../spec/spec.js");
  const { singleLayerSpecSchema } = await import("../../spec/singleLayerSpec.js");
  const shape = schema === "spec" ? specSchema : singleLayerSpecSchema;
  const result = shape.safeParse(valueOf(root));
  for (const issue of result.error?.issues ?? []) {
    const path = issue.path.map((step) => (typeof step === "number" ? step : String(step)));
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) {
        const nearest = path.length === 0 ? nearestWord(key, Object.keys(shape.shape)) : undefined;
        const hint = nearest === undefined ? "" : `; the nearest known key is ${JSON.stringify(nearest)}`;
        const at = keyAt(root, [...path, key]) ?? nodeAt(root, path);
        found.push(make(at, ERROR, "ERR_SPEC_UNKNOWN_KEY", `unknown key ${JSON.stringify(key)}${hint}`));
      }
      continue;
    }
    const isMissing = issue.code === "invalid_type" && issue.message.endsWith("received undefined");
    if (isMissing) {
      const around = nodeAt(root, path);
      const message = `${path.join(".")} is missing`;
      found.push(make({ start: around.start, end: around.start + 1 }, ERROR, "ERR_SPEC", message));
    } else {
      found.push(make(nodeAt(root, path), ERROR, "ERR_SPEC", issue.message));
    }
  }
  return [...found, ...(await configFaults(root, make))].sort(byPlace).slice(0, MOST);
}

function byPlace({ range: one }: Diagnostic, { range: other }: Diagnostic): number {
  return one.start.line - other.start.line || one.start.character - other.start.character;
}

async function configFaults(
  root: JsonNode,
  make: (at: JsonNode, severity: 2, code: string, message: string) => Diagnostic,
): Promise<Diagnostic[]> {
  const config = nodeAt(root, ["config"]);
  if (config === root || config.kind !== "object") return [];
  const json = fromJs(valueOf(config), "config");
  if (!isObject(json)) return [];
  const { configWarnings } = await import("../../spec/imageConfig.js");
  return configWarnings(json).map((message) => {
    const [, key] = /unknown key "([^"]*)"/.exec(message) ?? [];
    const at = key === undefined ? undefined : keyAt(root, ["config", key]);
    return make(at ?? config, WARNING, "ERR_SPEC", message);
  });
}

/** The key of a property, rather than its value. */
function keyAt(root: JsonNode, path: JsonPath): JsonNode | undefined {
  const around = nodeAt(root, path.slice(0, -1));
  if (around.kind !== "object") return undefined;
  return around.properties.find(({ name }) => name === path.at(-1))?.key;
}

function* twice(node: JsonNode): Generator<JsonNode> {
  if (node.kind === "array") for (const item of node.items) yield* twice(item);
  if (node.kind !== "object") return;
  const seen = new Set<string>();
  for (const { key, name, value } of node.properties) {
    if (seen.has(name)) yield key;
    seen.add(name);
    yield* twice(value);
  }
}
