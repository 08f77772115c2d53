/** The extension for VS Code, packed, and what is in the package. */
import path from "node:path";
import { mustRun, projectRoot } from "./run.js";

/** @returns the place */
export async function packExtension(place: string): Promise<string> {
  await mustRun(process.execPath, [path.join(projectRoot, "scripts/vscode-package.js"), place]);
  return place;
}

/** Python's, which is no friend of the script that wrote it. */
const READ = `
import sys, zipfile
sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))`;

export async function memberOf(vsix: string, name: string): Promise<Buffer> {
  return (await mustRun("python3", ["-c", READ, vsix, name])).stdout;
}
