import { builtFiles } from "../../dist/process/ownFile.js";

/** The addon, or the program that enters namespaces, that the library itself would use. */
export function builtFile(name: "addon.node" | "laminix-enter"): string {
  const [file] = builtFiles(name);
  if (file === undefined) throw new Error(`there is no ${name}`);
  return file;
}
