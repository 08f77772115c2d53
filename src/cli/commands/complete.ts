import type { Command } from "commander";
import { candidates } from "../completion/candidates.js";
import { commandsFor, isCommand } from "../commandList.js";
import type { Io } from "../io.js";
import { writeLines } from "../lines.js";
import { command } from "../options.js";

/**
 * For the scripts that `completion` prints: a candidate a line, a tab and what it is.
 * @param rest the words so far, the last of which is being typed
 */
export function complete(io: Io, rest: readonly string[]): Command {
  return command("complete", "print how a command line can go on")
    .argument("[WORD...]")
    .action(async () => {
      const found = await candidates(rest, {
        commands: () => commandsFor([], io),
        command: async (name) => (isCommand(name) ? (await commandsFor([name], io))[0] : undefined),
        environment: io.environment,
      });
      await writeLines(
        io,
        found.map(({ value, description }) => `${value}\t${description}\n`),
      );
    });
}
