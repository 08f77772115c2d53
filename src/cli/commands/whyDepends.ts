import type { Command } from "commander";
import { LaminixError } from "../../errors.js";
import type { Closure, ReferenceEdge } from "../../store/closure.js";
import { packageName } from "../../store/packageName.js";
import type { StorePath } from "../../store/storePath.js";
import { closureMember } from "../closureMember.js";
import type { Io } from "../io.js";
import { writeLines } from "../lines.js";
import { command, type CommonOptions, withStore } from "../options.js";
import { storePaths } from "../paths.js";
import { drawn, drawnEdges } from "../tree.js";

interface WhyDependsOptions extends CommonOptions {
  readonly all?: boolean;
}

const help = `
TO is a store path, its hash part, or its name, with or without a version. Each line references the one below it. Ends with 1, and ERR_NO_DEPENDENCY, where FROM does not depend on TO.
With --json: {"from","to","chain":[PATH,…]}, or with --all {"from","to","edges":[{"from","to"},…]}.

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
      if (options.all) {
        const edges = closure.whyDependsAll(from, to) ?? refuse(closure, from, to);
        return options.json ? printJson(io, { from, to, edges }) : printEdges(io, from, edges);
      }
      const chain = closure.whyDepends(from, to) ?? refuse(closure, from, to);
      if (options.json) return printJson(io, { from, to, chain });
      await writeLines(
        io,
        drawn(chain.map((path, depth) => ({ path, depth, isLast: true, isRepeated: false }))),
      );
    });
}

function printJson(io: Io, document: object): Promise<void> {
  return io.stdout.write(`${JSON.stringify(document)}\n`);
}

function printEdges(io: Io, from: StorePath, edges: readonly ReferenceEdge[]): Promise<void> {
  return writeLines(io, drawnEdges(from, edges));
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
