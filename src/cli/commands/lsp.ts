import type { Command } from "commander";
import { LaminixError } from "../../errors.js";
import { type Io, ProgramEnded } from "../io.js";
import { command, type CommonOptions, refuseGraph } from "../options.js";
import { version } from "../version.js";

interface LspOptions extends CommonOptions {
  readonly stdio?: boolean;
}

const help = `
An editor starts it. It knows store paths wherever they stand in a text: what they are, how large, what they depend on
and what keeps them; and image specs. docs/editors.md says how editors are set up. It speaks the Language Server
Protocol 3.18 on standard input and output, and ends with them.

Example:
  laminix lsp --stdio --store unix:///run/nix.sock`;

export function lsp(io: Io): Command {
  return command("lsp", "serve store paths and image specs to an editor")
    .option("--stdio", "speak on standard input and output; there is no other way")
    .addHelpText("after", help)
    .action(async (options: LspOptions) => {
      refuseGraph(options);
      if (options.stdio !== true) {
        throw new LaminixError("ERR_USAGE", "--stdio is missing", {
          hint: "an editor starts `laminix lsp --stdio`; docs/editors.md says how it is told to",
        });
      }
      const { serveEditor } = await import("../../editor/server.js");
      const { store } = options;
      const code = await serveEditor(
        { input: io.stdin.pieces(), output: io.stdout },
        { version, settings: { ...(store !== "auto" && { store }) }, signal: io.signal },
      );
      if (code !== 0) throw new ProgramEnded(code);
    });
}
