/** What a spec says of the past: plans of layers, as `laminix layers --json` prints them, and how often paths change. */
import { z } from "zod";

/** Of one image. */
export const layersSchema = z.object({
  layers: z
    .array(z.object({ paths: z.array(z.string()).readonly().describe("The layer's store paths.") }))
    .readonly()
    .describe("Bottom first."),
});
/** Of several that were planned together. */
export const imagesSchema = z.object({
  images: z
    .array(z.object({ name: z.string().describe("The image's name."), ...layersSchema.shape }))
    .readonly()
    .describe("Images that were planned together."),
});
export const planSchema = z.union([layersSchema, imagesSchema]);

export const volatilitySchema = z.array(
  z.strictObject({
    match: z
      .string()
      .min(1)
      .describe("A path, the name of one with or without its version, or a pattern with *."),
    volatility: z.number().min(0).max(1000).describe("How often it changes, where others do once."),
  }),
);
export type Volatility = z.output<typeof volatilitySchema>;
