/** How often store paths change, where a spec says so. */
import { z } from "zod";

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
