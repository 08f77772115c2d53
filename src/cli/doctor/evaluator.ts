/** Nix's own programs. */
import { type Invocation, NIX_HINT } from "../../evaluator/program.js";
import { inPath } from "../../files/inPath.js";
import { run } from "../../process/run.js";
import { type Check, type Found, ok, type Situation } from "./check.js";

/** What needs each. */
const USES: Readonly<Record<Invocation["program"], string>> = {
  "nix-instantiate": "expressions",
  "nix-store": "realise",
  nix: "flakes",
};

export const evaluator: Check = {
  feature: "Nix programs",
  neededFor: "eval, realise, openEvaluator",
  look: async ({ signal }: Situation): Promise<Found> => {
    const programs = Object.keys(USES) as Invocation["program"][];
    const [first, ...others] = programs.filter((program) => inPath(program) !== undefined);
    if (first === undefined)
      return { status: "missing", found: `${programs.join(", ")}: none is in PATH`, todo: NIX_HINT };
    const { stdout } = await run(first, ["--version"], { signal, maxOutput: 4096 });
    const found = `${stdout.toString().trim()}, ${inPath(first) ?? first}`;
    const absent = programs.filter((program) => ![first, ...others].includes(program));
    if (absent.length === 0) return ok(found);
    const without = absent.map((program) => `${program} (${USES[program]})`).join(", ");
    return { status: "limited", found: `${found}; not in PATH: ${without}`, todo: NIX_HINT };
  },
};
