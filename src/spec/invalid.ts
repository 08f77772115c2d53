/** What users hear about a spec, or another document of theirs, that is not valid. */
import type { z } from "zod";
import { LaminixError } from "../errors.js";

/** @param key where in the spec the fault is */
export function invalidSpec(
  key: string,
  message: string,
  about: { readonly hint?: string; readonly cause?: unknown } = {},
): LaminixError {
  return new LaminixError("ERR_SPEC", `the image spec is not valid: ${message}`, {
    ...about,
    details: { key },
  });
}

type Issue = z.core.$ZodIssue;

/**
 * A value as its schema has it. Of several faults the first is told.
 * @param errorFor makes the error of the faulty key, which is empty for the value itself, and of what the schema says
 * @throws what `errorFor` returns
 */
export function checked<S extends z.ZodType>(
  schema: S,
  value: unknown,
  errorFor: (key: string, message: string, issues: readonly Issue[]) => LaminixError,
): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { issues } = result.error;
  const [{ path, message }] = issues as unknown as readonly [Issue];
  throw errorFor(path.map(String).join("."), message, issues);
}

/** The key of what is in a value at another key. */
export function keyIn(outer: string, inner: string): string {
  return inner === "" ? outer : `${outer}.${inner}`;
}
