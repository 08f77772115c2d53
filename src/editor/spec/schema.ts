/** What the published JSON schemas say of the keys of a spec. */
import { readFile } from "node:fs/promises";
import { schemaFile } from "../../process/ownFile.js";
import type { JsonPath } from "./jsonTree.js";
import type { SpecSchema } from "./specDocument.js";

/** As much of a JSON schema as ours have (JSON Schema 2020-12). */
export interface Schema {
  readonly description?: string;
  readonly type?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

const loaded = new Map<SpecSchema, Promise<Schema>>();

export async function loadSchema(name: SpecSchema): Promise<Schema> {
  let schema = loaded.get(name);
  if (!schema) {
    schema = readFile(schemaFile(`${name}.schema.json`), "utf8").then((text) => JSON.parse(text) as Schema);
    loaded.set(name, schema);
  }
  return schema;
}

/** All that the value at a path may be. */
export function schemasAt(schema: Schema, path: JsonPath): Schema[] {
  return path.reduce<Schema[]>(
    (schemas, step) => schemas.flatMap((each) => stepInto(each, step)).flatMap(alternatives),
    alternatives(schema),
  );
}

function stepInto(schema: Schema, step: string | number): Schema[] {
  if (typeof step === "number") return schema.items ? [schema.items] : [];
  const { properties = {}, additionalProperties } = schema;
  const property = Object.hasOwn(properties, step) ? properties[step] : undefined;
  if (property) return [property];
  return typeof additionalProperties === "object" ? [additionalProperties] : [];
}

/** Each with the description of what it is an alternative of. */
function alternatives(schema: Schema): Schema[] {
  const others = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  if (others.length === 0) return [schema];
  const { description, default: usual } = schema;
  return others.flatMap(alternatives).map((each) => ({
    ...(usual !== undefined && { default: usual }),
    ...each,
    ...(description !== undefined && { description }),
  }));
}
