/**
 * What the documents of `--json` are made of. These files are the source of the JSON schemas in the package, of
 * docs/json.md, and of the types that commands fill in. Commands import types only: nothing here is loaded at run time.
 */
import { z } from "zod";

/** A document as commands fill it in. */
export type DocumentOf<Schema extends z.ZodType> = Deep<z.input<Schema>>;

type Deep<T> = T extends object ? { readonly [Key in keyof T]: Deep<T[Key]> } : T;

/** A whole number of bytes. */
export const bytes = (what: string): z.ZodInt => z.int().min(0).describe(`Bytes ${what}.`);
export const count = (what: string): z.ZodInt => z.int().min(0).describe(what);
export const text = (what: string): z.ZodString => z.string().describe(what);
export const digest = (what: string): z.ZodString =>
  z
    .string()
    .regex(/^[a-z0-9]+:[0-9a-f]+$/)
    .describe(what);
export const storePath = (what: string): z.ZodString => z.string().describe(what);
export const storePaths = (what: string): z.ZodArray<z.ZodString> => z.array(z.string()).describe(what);

const warnings = z.array(z.string()).describe("Warnings, in the order in which they came up; mostly none.");

/** A document that is an object: it has the command's warnings. */
export function facts<Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
): z.ZodObject<Shape & { warnings: typeof warnings }, z.core.$strict> {
  return z.strictObject({ ...shape, warnings });
}

export const layerFacts = {
  kind: z
    .enum(["store", "root", "base", "image"])
    .describe(
      "`store`: of store paths; `root`: the image's own root; `base`: of the base image; `image`: of an image that is carried as it is.",
    ),
  sources: z
    .array(z.string())
    .describe("The store paths in it; of a layer from an archive or a registry, its name there."),
  diffId: digest("Of the uncompressed tar."),
};

export const platform = z
  .strictObject({
    os: text("Such as `linux`."),
    architecture: text("By Go's name, such as `amd64`."),
    variant: text("Of the architecture, such as `v7`.").optional(),
  })
  .describe("A platform.");
