/** What a shell is made for: a derivation, or what one saw of itself while it was built. */
import { z } from "zod";
import { LaminixError } from "../../errors.js";
import { parseJson, toJs } from "../../bytes/json.js";
import { type Derivation, requireText } from "./derivation.js";

/** A derivation as far as a shell is concerned. All texts are Unicode. */
export interface ShellDerivation {
  readonly name: string;
  readonly builder: string;
  readonly args: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  /** As Nix names it, such as `x86_64-linux`. */
  readonly system?: string | undefined;
  /** What it is to build, which is not in the image. */
  readonly outputs: readonly string[];
  /** Store paths that it needs, beside those that it names. */
  readonly inputs: readonly string[];
}

/**
 * @param inputs what it is built from
 * @throws {LaminixError} ERR_UNSUPPORTED for texts that are not UTF-8, and outputs whose paths are not known
 */
export function shellDerivation(derivation: Derivation, inputs: readonly string[]): ShellDerivation {
  const { path, name, outputs, builder, args, env, system } = derivation;
  const known = [...outputs].map(([output, place]) => {
    if (place !== undefined) return place;
    throw new LaminixError(
      "ERR_UNSUPPORTED",
      `the path of the output ${output} of ${path} is known only after its build`,
      { details: { path, output }, hint: "content-addressed derivations are not known here" },
    );
  });
  return {
    name,
    builder: requireText(builder, `the builder of ${path}`),
    args: args.map((arg, i) => requireText(arg, `argument ${i} of ${path}`)),
    env: new Map(
      [...env].map(([key, value]) => [
        requireText(key, `a variable's name in ${path}`),
        requireText(value, `the variable ${key} of ${path}`),
      ]),
    ),
    system: requireText(system, `the system of ${path}`),
    outputs: known,
    inputs,
  };
}

const text = z.string().refine((value) => !/\p{Surrogate}/u.test(value), "not Unicode text");

const capturedSchema = z.strictObject({
  name: text.min(1),
  builder: text.min(1),
  args: z.array(text).default([]),
  env: z.record(text, text),
});

/**
 * An environment that a build has written down: `{ "name", "builder", "args", "env": { … } }`. What its variable
 * `outputs` names (unless given, `out`) are variables with what is to be built.
 * @param source the JSON
 * @param file what it is called in errors
 * @throws {LaminixError} ERR_JSON, ERR_DERIVATION
 */
export function parseCapturedEnvironment(source: string, file: string): ShellDerivation {
  const result = capturedSchema.safeParse(toJs(parseJson(source, file)));
  if (!result.success) {
    const [issue] = result.error.issues;
    const key = (issue?.path ?? []).map(String).join(".");
    throw new LaminixError(
      "ERR_DERIVATION",
      `${file} is not a build's environment: ${key}${key === "" ? "" : ": "}${issue?.message ?? ""}`,
      {
        details: { path: file, key },
        hint: 'it has the form {"name":"…","builder":"…","args":["…"],"env":{"NAME":"value"}}',
      },
    );
  }
  const { name, builder, args } = result.data;
  const env = new Map(Object.entries(result.data.env));
  const outputs = (env.get("outputs") ?? "out").split(/\s+/).flatMap((output) => env.get(output) ?? []);
  return { name, builder, args, env, system: env.get("system"), outputs, inputs: [] };
}
