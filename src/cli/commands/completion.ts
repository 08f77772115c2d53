import { Argument, type Command } from "commander";
import { scripts, type Shell, SHELLS } from "../completion/scripts.js";
import type { Io } from "../io.js";
import { command } from "../options.js";

const help = `
Completes commands, flags and what they take, files, and store paths by the names of packages (hello for
/nix/store/…-hello-2.12.1). No daemon is asked.

Examples:
  source <(laminix completion bash)
  laminix completion zsh >~/.zfunc/_laminix
  laminix completion fish >~/.config/fish/completions/laminix.fish`;

export function completion(io: Io): Command {
  return command("completion", "print a script that completes laminix's commands in a shell")
    .addArgument(new Argument("<SHELL>", "which shell").choices(SHELLS))
    .addHelpText("after", help)
    .action((shell: Shell) => io.stdout.write(scripts[shell]));
}
