// Writes the JSON schemas of the documents that --json prints beside the compiled sources, where package.json exports them
// from: dist/json/NAME.schema.json.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { documents, onStandardError } from "../dist/cli/documents/all.js";

const folder = path.resolve(import.meta.dirname, "../dist/json");

/** Whole numbers have no bounds but their own. */
function override({ jsonSchema }) {
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
}

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
const named = Object.entries(documents).map(([name, { schema, command, flags }]) => ({
  name,
  schema,
  title: ["laminix", command, flags, "--json"].filter(Boolean).join(" "),
}));
const others = Object.entries(onStandardError).map(([name, schema]) => ({
  name,
  schema,
  title: `laminix --json: ${name} on standard error`,
}));
for (const { name, schema, title } of [...named, ...others]) {
  const { $schema, ...rest } = z.toJSONSchema(schema, { target: "draft-7", override });
  const text = JSON.stringify({ $schema, title, ...rest }, undefined, 2);
  writeFileSync(path.join(folder, `${name}.schema.json`), `${text}\n`);
}
