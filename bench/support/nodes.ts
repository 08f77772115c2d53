/** The Node.js releases that are measured. */
import { existsSync } from "node:fs";
import { node24Path } from "../../test/support/otherNodes.js";
import { mustRun } from "../../test/support/run.js";

export interface MeasuredNode {
  readonly file: string;
  /** `24.1.0` */
  readonly version: string;
}

/** This Node, the other one that is there, and those that LAMINIX_BENCH_NODES names, separated by colons; each release once. */
export async function measuredNodes(): Promise<MeasuredNode[]> {
  const files = [process.execPath, node24Path(), ...(process.env["LAMINIX_BENCH_NODES"]?.split(":") ?? [])];
  const nodes = new Map<string, MeasuredNode>();
  for (const file of files.filter((each) => existsSync(each))) {
    const version = (await mustRun(file, ["--version"])).stdout.toString().trim().slice(1);
    if (!nodes.has(version)) nodes.set(version, { file, version });
  }
  return [...nodes.values()];
}
