/** Derivations as values for programs. */
import type { Derivation as ByteDerivation } from "./derivation.js";
import type { StorePath } from "./storePath.js";

/**
 * What a `.drv` file says (Nix manual, "Store derivation and ATerm"). Texts are read as UTF-8; a byte that is none becomes
 * U+FFFD.
 */
export interface Derivation {
  readonly path: StorePath;
  /** Of its path, without `.drv`. */
  readonly name: string;
  /** The store path of each output; `undefined` where it is known only after the build. */
  readonly outputs: ReadonlyMap<string, StorePath | undefined>;
  /** Which outputs of which derivations it is built from. */
  readonly inputDrvs: ReadonlyMap<StorePath, readonly string[]>;
  readonly inputSrcs: readonly StorePath[];
  readonly system: string;
  readonly builder: string;
  readonly args: readonly string[];
  /** The builder's environment. */
  readonly env: ReadonlyMap<string, string>;
  /** The attributes of a derivation with `__structuredAttrs`, which Nix keeps as JSON. */
  readonly structuredAttrs?: Readonly<Record<string, unknown>>;
}

/** @throws {SyntaxError} where the structured attributes are not JSON */
export function derivationValue(derivation: ByteDerivation): Derivation {
  const { outputs, inputDrvs, env } = derivation;
  const json = env.get("__json");
  return {
    ...derivation,
    name: utf8(derivation.name),
    outputs: mapped(outputs, (path) => path),
    inputDrvs: mapped(inputDrvs, (names) => names.map(utf8)),
    system: utf8(derivation.system),
    builder: utf8(derivation.builder),
    args: derivation.args.map(utf8),
    env: mapped(env, utf8),
    ...(json !== undefined && { structuredAttrs: JSON.parse(utf8(json)) as Record<string, unknown> }),
  };
}

function mapped<K extends string, V, W>(map: ReadonlyMap<K, V>, value: (value: V) => W): ReadonlyMap<K, W> {
  return new Map([...map].map(([key, each]) => [utf8(key) as K, value(each)]));
}

/** Derivations are read as bytes, a character each. */
function utf8(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}
