/** How a spec's `runAsRoot` is run: what callers of builders choose. */
export {
  ACCELERATIONS,
  type Acceleration,
  type Isolation,
  ISOLATIONS,
  type RootScriptOptions,
} from "../vm/rootScript.js";
