import { GraphStore } from "../../dist/index.js";

export const id = (name: string): string => `/nix/store/${name.charAt(0).repeat(32)}-${name}`;
const narHash = `sha256-${Buffer.alloc(32, 7).toString("base64")}`;

export interface Entry {
  readonly name: string;
  readonly narSize: number;
  readonly references: readonly string[];
}

/** A store of these paths, of which no more than the graph is known. */
export function storeOf(nodes: readonly Entry[]): GraphStore {
  const entries = nodes.map(({ name: path, narSize, references }) => ({
    path,
    narHash,
    narSize,
    references,
  }));
  return GraphStore.parse(JSON.stringify(entries), "graph.json");
}

/** An application with a library, something big, and what stands alone. */
export const application = storeOf([
  { name: id("app"), narSize: 10_000, references: ["big", "lib", "glibc"].map(id) },
  { name: id("big"), narSize: 100_000, references: [id("glibc")] },
  { name: id("config"), narSize: 500, references: [] },
  { name: id("glibc"), narSize: 30_000, references: [id("glibc")] },
  { name: id("lib"), narSize: 50_000, references: [id("glibc")] },
  { name: id("x"), narSize: 1, references: [] },
]);
