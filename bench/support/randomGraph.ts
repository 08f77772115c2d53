/** A graph of store paths that nobody need write to a disk. */
import { createHash } from "node:crypto";
import type { SyntheticPath } from "../../test/support/nixStore.js";

/** `count` paths, some eight references each; the last one's closure is all of them. The same each time. */
export function randomGraph(storeDir: string, count: number): SyntheticPath[] {
  let state = 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    // The low bits of such numbers come round soon.
    return Math.floor((state / 2 ** 32) * below);
  };
  const paths: SyntheticPath[] = [];
  const unused = new Set<string>();
  for (let i = 0; i < count; i++) {
    const digest = createHash("sha256").update(String(i)).digest("hex");
    const path = `${storeDir}/${digest.slice(0, 32).replaceAll("e", "g")}-package-${String(i)}`;
    const isLast = i === count - 1;
    const chosen = new Set(isLast ? unused : []);
    if (i > 0 && !isLast) {
      // Mostly near ones, so that the graph is deep; the previous one now and then, so that it hangs together.
      for (let n = random(16); n > 0; n--) {
        const target = paths[i - 1 - random(Math.min(i, 400))];
        if (target) chosen.add(target.path);
      }
    }
    for (const reference of chosen) unused.delete(reference);
    unused.add(path);
    const narSize = 1000 + random(1_000_000);
    paths.push({ path, narHash: digest, narSize, references: [...chosen] });
  }
  return paths;
}
