/** The compiled addon: loaded when it is first needed, so that what does not need it works without. */
import Module from "node:module";
import { LaminixError } from "../errors.js";
import { buildHint, builtFiles } from "./ownFile.js";

interface LoadedAddon {
  readonly file: string;
  /** Those who call it know what it offers. */
  readonly addon: unknown;
}

let loaded: LoadedAddon | undefined;

/**
 * The addon, loaded at the first call.
 * @throws {LaminixError} ERR_ADDON_MISSING when there is none for this platform, or it does not load
 */
export function loadedAddon(): LoadedAddon {
  return (loaded ??= firstThatLoads());
}

function firstThatLoads(): LoadedAddon {
  const given = process.env.LAMINIX_ADDON;
  const failures: unknown[] = [];
  for (const file of given === undefined ? builtFiles("addon.node") : [given]) {
    try {
      // By its bare name, webpack would take the call for one that it has to resolve.
      return { file, addon: Module.createRequire(file)(file) as unknown };
    } catch (cause) {
      failures.push(cause);
    }
  }
  const [cause] = failures;
  const reason = cause instanceof Error ? (cause.message.split("\n", 1)[0] ?? "") : String(cause);
  throw new LaminixError("ERR_ADDON_MISSING", `the native addon cannot be loaded: ${reason}`, {
    cause,
    hint: buildHint(),
  });
}
