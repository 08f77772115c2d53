import path from "node:path";
import { pathToFileURL } from "node:url";
import { projectRoot, run, type RunOptions, type RunResult } from "./run.js";

/** What a script imports a module of the library by; `index.js` is the library. */
export const moduleUrl = (file: string): string => pathToFileURL(path.join(projectRoot, "dist", file)).href;

/**
 * Runs an ES module in a Node process of its own. The library as it was built is in scope as `laminix`, and `print`
 * writes a value to standard output as JSON.
 */
export function runScript(source: string, options: RunOptions = {}): Promise<RunResult> {
  const lines = [
    `import * as laminix from ${JSON.stringify(moduleUrl("index.js"))};`,
    `const print = (value) => process.stdout.write(JSON.stringify(value) + "\\n");`,
    source,
  ];
  return run(process.execPath, ["--input-type=module", "--eval", lines.join("\n")], options);
}

/**
 * Lines for the beginning of a script: from there on it is an ordinary user. What only root may read of the checkout
 * has been read by then.
 */
export const becomeNobody = `
const { loadAddon } = await import(${JSON.stringify(moduleUrl("store/native.js"))});
loadAddon();
process.setgroups([]);
process.setgid(65534);
process.setuid(65534);
`;
