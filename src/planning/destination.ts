/** Where an image is to go, in the words of its planning: what is there now is the previous image. */
import {
  checkGiven,
  keysOf,
  requireKnown,
  requireOneOf,
  requireOptions,
  requireString,
  requireStrings,
} from "../arguments.js";
import { type Engine, ENGINES } from "../transports/engine/engines.js";

/** Where in a registry it is pushed to. */
export interface RegistryDestination {
  /** `[HOST[:PORT]/]REPOSITORY[:TAG]`, as for `pushImage`. */
  readonly reference: string;
  /** As for `pushImage`. Of all tags, the first counts that leads to an image whose history names store paths. */
  readonly tags?: readonly string[] | undefined;
}

/** Which engine it is loaded into, told as `loadImage` is told it. */
export interface EngineDestination {
  readonly engine: Engine;
  readonly host?: string | undefined;
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
}

/** The image is looked for by the spec's name and tag in an engine; without a tag, the newest of that name counts. */
export type Destination = RegistryDestination | EngineDestination;

const REGISTRY_KEYS = keysOf<RegistryDestination>({ reference: true, tags: true });
const ENGINE_KEYS = keysOf<EngineDestination>({ engine: true, host: true, environment: true });

/** @throws {ArgumentError} ERR_ARGUMENT */
export function requireDestination(value: unknown, argument: string): asserts value is Destination {
  requireOptions(value, argument);
  if ("engine" in value) {
    requireKnown(value, ENGINE_KEYS, argument);
    requireOneOf(value.engine, ENGINES, `${argument}.engine`);
  } else {
    requireKnown(value, REGISTRY_KEYS, argument);
    requireString((value as { readonly reference?: unknown }).reference, `${argument}.reference`);
  }
  checkGiven(value, argument, {
    tags: requireStrings,
    host: requireString,
    environment: (given, at) => {
      requireOptions(given, at);
    },
  });
}
