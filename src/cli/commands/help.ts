import type { Command } from "commander";
import { command } from "../options.js";

const example = `
Example:
  laminix help build`;

/** Only to be listed: what it asks for is what `--help` asks for, and is read so before. */
export function help(): Command {
  return command("help", "print the help of a command").argument("[COMMAND]").addHelpText("after", example);
}
