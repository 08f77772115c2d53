/** A closure of path infos that are all known. */
import type { ClosureColumns, PathInfo } from "./closure.js";
import type { StorePath } from "./storePath.js";

/** What is wrong with the graph, as its reader tells it. */
export interface GraphProblems {
  missing(path: StorePath): Error;
  circle(path: StorePath, reference: StorePath): Error;
}

/**
 * The closure of the roots, each path after all that it references.
 * @throws what `problems` says
 */
export function closureColumns(
  roots: readonly StorePath[],
  infos: ReadonlyMap<string, PathInfo>,
  problems: GraphProblems,
): ClosureColumns {
  return columnsOf(sorted(roots, infos, problems));
}

/** Depth first. */
function sorted(
  roots: readonly StorePath[],
  infos: ReadonlyMap<string, PathInfo>,
  problems: GraphProblems,
): PathInfo[] {
  const found: PathInfo[] = [];
  const state = new Map<string, "open" | "done">();
  const stack = roots
    .toSorted()
    .map((path) => ({ path, leave: false }))
    .reverse();
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { path, leave } = next;
    const info = infos.get(path);
    if (!info) throw problems.missing(path);
    if (leave) {
      state.set(path, "done");
      found.push(info);
      continue;
    }
    if (state.has(path)) continue;
    state.set(path, "open");
    stack.push({ path, leave: true });
    for (const reference of info.references.toSorted().reverse()) {
      if (reference === path || state.get(reference) === "done") continue;
      if (state.get(reference) === "open") throw problems.circle(path, reference);
      stack.push({ path: reference, leave: false });
    }
  }
  return found;
}

/** Keeps what it is asked for, and none of the infos: their references take ten times as much as the rows. */
function columnsOf(infos: readonly PathInfo[]): ClosureColumns {
  const rows = new Map<string, number>(infos.map((info, row) => [info.path, row]));
  const offsets = new Uint32Array(infos.length + 1);
  for (const [row, { references }] of infos.entries())
    offsets[row + 1] = (offsets[row] ?? 0) + references.length;
  const targets = new Uint32Array(offsets.at(-1) ?? 0);
  for (const [row, { references }] of infos.entries()) {
    const sorted = references.map((path) => rows.get(path) ?? 0).sort((one, other) => one - other);
    targets.set(sorted, offsets[row]);
  }
  const paths = infos.map(({ path }) => path);
  const narHashes = infos.map(({ narHash }) => narHash);
  const narSizes = Float64Array.from(infos, ({ narSize }) => narSize);
  const rest = infos.map(({ registrationTime, ultimate, signatures, deriver, ca }) => ({
    ...{ registrationTime, ultimate, signatures },
    ...(deriver !== undefined && { deriver }),
    ...(ca !== undefined && { ca }),
  }));
  return {
    count: infos.length,
    references: { offsets, targets },
    path: (row) => paths[row] as StorePath,
    narHash: (row) => narHashes[row] ?? "",
    narSize: (row) => narSizes[row] ?? 0,
    info: (row) => rest[row] as ReturnType<ClosureColumns["info"]>,
  };
}
