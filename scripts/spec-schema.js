// Writes the JSON schemas of image specs beside the compiled sources, where package.json exports them from.

import { writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { singleLayerSpecSchema } from "../dist/spec/singleLayerSpec.js";
import { specSchema } from "../dist/spec/spec.js";

for (const [file, title, spec] of [
  ["spec.schema.json", "laminix image spec", specSchema],
  ["build-image-spec.schema.json", "laminix spec of an image of one layer", singleLayerSpecSchema],
]) {
  // What is given, not what becomes of it: keys with a default may be left out.
  const schema = { title, ...z.toJSONSchema(spec, { io: "input" }) };
  writeFileSync(
    path.resolve(import.meta.dirname, "../dist", file),
    `${JSON.stringify(schema, undefined, 2)}\n`,
  );
}
