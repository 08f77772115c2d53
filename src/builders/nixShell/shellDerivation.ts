/** What a shell is made for: a derivation, or what one saw of itself while it was built. */
import { z } from "zod";
import { LaminixError } from "../../errors.js";
import { parseJson, toJs } from "../../bytes/json.js";
import { isUtf8 } from "../../bytes/byteString.js";
import { checked } from "../../spec/invalid.js";
import type { Derivation } from "../../store/derivation.js";
import { outputPath } from "../../store/readDerivation.js";

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
    outputs: [...outputs.keys()].map((output) => outputPath(path, outputs, output)),
    inputs,
  };
}

/**
 * A text of a derivation, for formats that are Unicode.
 * @param what it is, for the message
 * @throws {LaminixError} ERR_UNSUPPORTED
 */
function requireText(bytes: string, what: string): string {
  if (isUtf8(bytes)) return Buffer.from(bytes, "latin1").toString("utf8");
  throw new LaminixError("ERR_UNSUPPORTED", `${what} is not UTF-8, which an image's configuration is`, {
    details: { what },
  });
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
  const captured = checked(capturedSchema, toJs(parseJson(source, file)), (key, message) => {
    const problem = key === "" ? message : `${key}: ${message}`;
    return new LaminixError("ERR_DERIVATION", `${file} is not a build's environment: ${problem}`, {
      details: { path: file, key },
      hint: 'it has the form {"name":"…","builder":"…","args":["…"],"env":{"NAME":"value"}}',
    });
  });
  const { name, builder, args } = captured;
  const env = new Map(Object.entries(captured.env));
  const outputs = (env.get("outputs") ?? "out").split(/\s+/).flatMap((output) => env.get(output) ?? []);
  return { name, builder, args, env, system: env.get("system"), outputs, inputs: [] };
}
