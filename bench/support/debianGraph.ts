/** Graphs of Debian packages, of which no file is fetched. */
import path from "node:path";
import { GraphStore } from "../../dist/index.js";
import { graphOf, type Graph } from "../../dist/layering/graph.js";
import { mustRun, projectRoot } from "../../test/support/run.js";

export interface Entry {
  readonly path: string;
  readonly narSize: number;
  readonly references: readonly string[];
}

/** An entry with how often it was updated in a stable release, and in the two before it. */
export interface UpdatedEntry extends Entry {
  readonly updates: number;
  readonly updatesBefore: number;
}

const script = path.join(projectRoot, "test/support/debian_graph.py");
/** Where the package lists of releases are kept. */
export const lists = path.join(projectRoot, ".cache/debian-lists");

export async function debianGraph(packages: readonly string[]): Promise<Entry[]> {
  const { stdout } = await mustRun("python3", [script, ...packages], { timeout: 120_000 });
  return JSON.parse(stdout.toString()) as Entry[];
}

/** The packages of Debian 13, with their updates in it, and in Debian 11 and 12. */
export async function debianHistory(packages: readonly string[]): Promise<UpdatedEntry[]> {
  const args = [script, "--release", "trixie", "--lists", lists, ...packages];
  const { stdout } = await mustRun("python3", args, { timeout: 600_000 });
  return JSON.parse(stdout.toString()) as UpdatedEntry[];
}

export async function graphFrom(entries: readonly Entry[]): Promise<Graph> {
  const narHash = `sha256-${Buffer.alloc(32).toString("base64")}`;
  const store = GraphStore.parse(JSON.stringify(entries.map((entry) => ({ ...entry, narHash }))), "graph");
  return graphOf(await store.closure(entries.map((entry) => entry.path)));
}
