/** Plans of layers in a spec: as `laminix layers --json` prints them. */
import { z } from "zod";

/** Of one image. */
export const layersSchema = z.object({
  layers: z.array(z.object({ paths: z.array(z.string()).readonly() })).readonly(),
});
/** Of several that were planned together. */
export const imagesSchema = z.object({
  images: z.array(z.object({ name: z.string(), ...layersSchema.shape })).readonly(),
});
export const planSchema = z.union([layersSchema, imagesSchema]);
