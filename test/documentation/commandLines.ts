/** Command lines of laminix in lines of a shell, and whether the program takes them. */
import { programFor } from "../../dist/cli/program.js";
import { mustRun } from "../support/run.js";

/** The arguments of each call of laminix, as the shell passes them on; no program is run. */
export async function commandLines(text: string): Promise<string[][]> {
  const functions = `
    command_not_found_handle() { :; }
    sudo() { "$@"; }
    laminix() { printf '%s\\0' "$@" >&3; printf '\\n' >&3; }
    PATH=/nowhere`;
  const { stdout } = await mustRun("bash", ["-c", `{ ${functions}\n${text}\n} 3>&1 >/dev/null`]);
  return stdout
    .toString()
    .split("\n")
    .slice(0, -1)
    .map((line) => line.split("\0").slice(0, -1));
}

class Parsed extends Error {}

/** `parsed`, or why the program refuses the arguments. */
export async function parsed(argv: readonly string[]): Promise<string> {
  const nothing = (): Promise<void> => Promise.resolve();
  const output = { isTerminal: false, columns: 80, write: nothing, erase: () => undefined };
  const io = {
    stdin: {},
    stdout: output,
    stderr: output,
    environment: {},
    signal: new AbortController().signal,
  };
  const program = await programFor(argv, io as never, () => undefined);
  program.hook("preAction", () => {
    throw new Parsed();
  });
  try {
    await program.parseAsync(argv, { from: "user" });
    return "not parsed";
  } catch (error) {
    return error instanceof Parsed ? "parsed" : String(error);
  }
}
