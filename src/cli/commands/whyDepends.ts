import type { Command } from "commander";
import { LaminixError } from "../../errors.js";
import type { Closure } from "../../store/closure.js";
import { packageName } from "../../store/packageName.js";
import type { StorePath } from "../../store/storePath.js";
import { closureMember } from "../closureMember.js";
import type { ChainDocument, EdgesDocument } from "../documents/closures.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, withStore } from "../options.js";
import { storePaths } from "../paths.js";
import { Report } from "../report.js";
import { drawn, drawnEdges } from "../../store/questions/drawn.js";

interface WhyDependsOptions extends CommonOptions {
  readonly all?: boolean;
}

const help = `
TO is a store path, its hash part, or its name, with or without a version. Each line references the one below it. Ends with 1, and ERR_NO_DEPENDENCY, where FROM does not depend on TO.
With --json: {"from","to","chain":[PATH,…],"warnings":[…]}, or with --all {"from","to","edges":[{"from","to"},…],"warnings":[…]}.

Example:
  laminix why-depends ./result openssl
  laminix why-depends ./result /nix/store/5abk8f41vsgq3scx57pkbmmhzqcdz5jg-openssl-3.0.14`;

export function whyDepends(io: Io): Command {
  return command("why-depends", "show the shortest chain of references from one store path to another")
    .argument("<FROM>")
    .argument("<TO>")
    .option("--all", "every reference on any chain, as a tree")
    .addHelpText("after", help)
    .action(async (...[fromArg, toArg, options]: [string, string, WhyDependsOptions]) => {
      const { closure, from, to } = await withStore(options, async (store) => {
        const [from] = (await storePaths([fromArg], store, io.signal)) as [StorePath];
        const closure = await store.closure([from], { signal: io.signal });
        return { from, to: await closureMember(toArg, closure, store, io.signal), closure };
      });
      const report = new Report(io, options);
      if (options.all) {
        const edges = closure.whyDependsAll(from, to) ?? refuse(closure, from, to);
        const lines = drawnEdges(from, edges);
        await report.facts<EdgesDocument>({ from, to, edges }, { lines });
        return;
      }
      const chain = closure.whyDepends(from, to) ?? refuse(closure, from, to);
      const nodes = chain.map((path, depth) => ({ path, depth, isLast: true, isRepeated: false }));
      await report.facts<ChainDocument>({ from, to, chain }, { lines: drawn(nodes) });
    });
}

/** What was meant is often another build of the same package. */
function refuse(closure: Closure, from: StorePath, to: StorePath): never {
  const { name } = packageName(to);
  const alike = closure.paths.filter((path) => packageName(path).name === name);
  throw new LaminixError("ERR_NO_DEPENDENCY", `${from} does not depend on ${to}`, {
    details: { from, to },
    ...(alike.length > 0 && { hint: `of ${name} it depends on ${alike.slice(0, 3).join(", ")}` }),
  });
}
