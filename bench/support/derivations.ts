/** A closure as builds have it: a Nix's derivations, each over those of its sources and of what it is built with. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { NixStore } from "laminix";
import { startNixStore } from "../../test/support/nixStore.js";
import { mustRun, projectRoot } from "../../test/support/run.js";
import { temporaryFolder } from "../../test/support/temporary.js";
import { type Entry, lists } from "./debianGraph.js";

const script = path.join(projectRoot, "test/support/debian_sources.py");
const expression = path.join(import.meta.dirname, "derivations.nix");

/** What a source package of Debian 12 is built with; the same paths each time. */
export async function derivations(wanted: string): Promise<Entry[]> {
  await using folder = await temporaryFolder("derivations");
  const args = [script, "--release", "bookworm", "--lists", lists, wanted];
  const graph = await mustRun("python3", args, { timeout: 600_000 });
  const packages = folder.join("packages.json");
  await writeFile(packages, graph.stdout);
  // Paths would have other hashes in a folder with another name.
  await using store = await startNixStore({ storeDir: "/nix/store" });
  const made = await store.run("nix-instantiate", [expression, "--argstr", "packages", packages]);
  await using nix = new NixStore(store.uri);
  const closure = await nix.closure(made.stdout.toString().trim());
  return Array.from(closure, (info) => ({
    path: info.path,
    narSize: info.narSize,
    references: info.references,
  }));
}
