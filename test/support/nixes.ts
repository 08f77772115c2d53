import path from "node:path";
import { projectRoot } from "./run.js";

/** A Nix to test against: the one that is installed, or that of a Debian release, which the set-up script unpacks. */
export type NixRelease = "installed" | "trixie" | "sid";

/** The folder of an unpacked Nix's programs. */
export function nixPrograms(release: Exclude<NixRelease, "installed">): string {
  return path.join(projectRoot, `.cache/nix-${release}/bin`);
}

/** A PATH that finds a Nix's programs, and all others where they are. */
export function searchPath(release: NixRelease = "installed"): string {
  const installed = process.env["PATH"] ?? "";
  return release === "installed" ? installed : `${nixPrograms(release)}${path.delimiter}${installed}`;
}

export interface Nix {
  readonly release: NixRelease;
  /** For people. */
  readonly name: string;
  /** What a machine must have for it, in the words of `describeWith`. */
  readonly needs: readonly string[];
  /** Makes `nix path-info --json` print the format that all of them have; Nix 2.33 and later want to be told. */
  readonly jsonFlags: readonly string[];
}

/** Every Nix that there is to test against. */
export const nixes: readonly Nix[] = [
  {
    release: "installed",
    name: "the installed Nix",
    needs: ["nix-daemon", "nix", "nix-store"],
    jsonFlags: [],
  },
  { release: "trixie", name: "the Nix of trixie", needs: ["nixTrixie"], jsonFlags: [] },
  { release: "sid", name: "the Nix of sid", needs: ["nixSid"], jsonFlags: ["--json-format", "1"] },
];
