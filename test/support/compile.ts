/** Compiles `src/` before the tests, which import `dist/`, unless that has been done since the last change. */
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { mustRun, projectRoot } from "./run.js";

const source = path.join(projectRoot, "src");
const compiled = path.join(projectRoot, "dist");
/** What `npm run build:ts` writes last. */
const last = path.join(compiled, "bundled/LICENSES");

const filesIn = (folder: string, ending: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(ending));

function isCurrent(): boolean {
  if (!existsSync(last)) return false;
  const sources = filesIn(source, ".ts");
  const time = statSync(last).mtimeMs;
  if (sources.some((name) => statSync(path.join(source, name)).mtimeMs > time)) return false;
  const modules = filesIn(compiled, ".js")
    .filter((name) => !name.startsWith("bundled/"))
    .map((name) => name.replace(/\.js$/, ".ts"));
  return modules.length === sources.length && modules.every((name) => sources.includes(name));
}

export async function setup(): Promise<void> {
  if (isCurrent()) return;
  rmSync(compiled, { recursive: true, force: true });
  await mustRun("npm", ["run", "--silent", "build:ts"], { cwd: projectRoot, timeout: 600_000 });
}
