/** The closure that the tests have files of, with the sizes of its NARs. */
import { NixStore } from "laminix";
import { debianClosure, largePackages } from "../../test/support/debianStore.js";
import { startNixStore } from "../../test/support/nixStore.js";
import type { Entry } from "./debianGraph.js";

/** @returns dependencies first */
export async function serversByNar(): Promise<Entry[]> {
  const { root, roots, storeDir } = await debianClosure(largePackages);
  await using store = await startNixStore({ at: root });
  await using nix = new NixStore(store.uri);
  const inUsualPlace = (path: string): string => path.replace(storeDir, () => "/nix/store");
  return Array.from(await nix.closure(roots), ({ path, narSize, references }) => ({
    path: inUsualPlace(path),
    narSize,
    references: references.map(inUsualPlace),
  }));
}
