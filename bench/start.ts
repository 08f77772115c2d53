/**
 * Processor time (user and system) that the library's doors and short commands take to load, over the start of Node
 * itself. The peer is a Node that runs an empty program.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { projectRoot } from "../test/support/run.js";
import { compare, type Cost, measure, median } from "./support/measure.js";
import { seconds, table } from "./support/table.js";

const ROUNDS = 21;
const NODE = "node, an empty program";

const doors = ["laminix", "laminix/store", "laminix/evaluator", "laminix/image"];
const commands = ["--version", "closure --help", "build --help"];

/** The most that each is meant to take. */
const targets: Readonly<Record<string, string>> = {
  'import "laminix/store"': "80 ms",
  "laminix --version": "60 ms",
};

export async function start(): Promise<string> {
  const bin = path.join(projectRoot, "dist/bundled/laminix.js");
  const results = await compare(
    {
      [NODE]: () => run("-e", ""),
      ...Object.fromEntries(
        doors.filter(isExported).map((door) => {
          const program = `import ${JSON.stringify(door)}`;
          return [program, () => run("--input-type=module", "-e", program)];
        }),
      ),
      ...Object.fromEntries(
        commands.map((command) => [`laminix ${command}`, () => run(bin, ...command.split(" "))]),
      ),
    },
    { rounds: ROUNDS },
  );
  const times = Object.entries(results).map(
    ([name, { samples }]) => [name, median(samples.map(({ cpuSeconds }) => cpuSeconds)) ?? 0] as const,
  );
  const floor = new Map(times).get(NODE) ?? 0;
  const rows = times.map(([name, time]) => {
    if (name === NODE) return [name, `(${seconds(time)})`, ""];
    return [name, seconds(time - floor), targets[name] ?? ""];
  });
  return table(["start, processor time", "over Node's", "at most"], rows);
}

/** Resolved from the project's folder, where the package finds itself by name. */
function run(...args: string[]): Promise<Cost> {
  return measure([process.execPath, ...args], { cwd: projectRoot });
}

function isExported(door: string): boolean {
  const { exports } = JSON.parse(readFileSync(path.join(projectRoot, "package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, unknown>>;
  };
  return door.replace("laminix", ".") in exports;
}
