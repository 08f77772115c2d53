// Writes the JSON schema of the image spec beside the compiled sources, where package.json exports it from.

import { writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { specSchema } from "../dist/builders/spec.js";

const schema = {
  title: "laminix image spec",
  // What is given, not what becomes of it: keys with a default may be left out.
  ...z.toJSONSchema(specSchema, { io: "input" }),
};
writeFileSync(
  path.resolve(import.meta.dirname, "../dist/spec.schema.json"),
  `${JSON.stringify(schema, undefined, 2)}\n`,
);
