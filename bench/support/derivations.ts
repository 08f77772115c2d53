/** A closure as builds have it: thousands of small files, the derivations, over few large sources. */
import { Random } from "../../test/support/random.js";
import type { Entry } from "./debianGraph.js";

/** Some 600 paths; the same each time. */
export function derivations(): Entry[] {
  const random = new Random(3);
  const alphabet = "0123456789abcdfghijklmnpqrsvwxyz";
  const path = (name: string): string =>
    `/nix/store/${Array.from({ length: 32 }, () => alphabet.charAt(random.below(32))).join("")}-${name}`;
  const entries: Entry[] = [];
  const built: string[] = [];
  for (let i = 0; i < 200; i++) {
    const source = path(`package-${String(i)}.tar.gz`);
    entries.push({ path: source, narSize: Math.round(Math.exp(9 + random.next() * 9)), references: [] });
    const fetch = path(`package-${String(i)}.tar.gz.drv`);
    entries.push({ path: fetch, narSize: 1000 + random.below(1000), references: built.slice(0, 3) });
    const references = new Set([source, fetch, ...built.slice(0, 3)]);
    for (let n = random.below(12); n > 0 && built.length > 0; n--)
      references.add(built[built.length - 1 - random.below(Math.min(built.length, 60))] ?? source);
    const derivation = path(`package-${String(i)}.drv`);
    entries.push({ path: derivation, narSize: 1500 + random.below(6000), references: [...references] });
    built.push(derivation);
  }
  return entries;
}
