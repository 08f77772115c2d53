/** What the strategy `balanced` moves of a real closure. */
import { expect } from "vitest";
import { compareLayers, openStore } from "../../dist/index.js";
import { debianClosure, largePackages } from "../support/debianStore.js";
import { startNixStore } from "../support/nixStore.js";
import { testWith } from "../support/requirements.js";

testWith(
  ["nix-daemon", "nix-store", "python3", "apt-get", "dpkg-deb"],
  "balanced plans of three hundred packages move far less than others",
  async () => {
    const { root, roots } = await debianClosure(largePackages);
    await using daemon = await startNixStore({ at: root });
    await using store = await openStore(daemon.uri);
    for (const [layers, least] of [
      [25, 0.8],
      [50, 0.93],
      [100, 0.98],
    ] as const) {
      const spec = { name: "image", contents: [...roots], maxLayers: layers + 1 };
      const { strategies } = await compareLayers(spec, { store });
      const efficiency = Object.fromEntries(strategies.map((each) => [each.strategy, each.efficiency]));
      expect(efficiency["balanced"]).toBeGreaterThan(least);
      expect(efficiency["balanced"]).toBeGreaterThan(efficiency["auto"]! + 0.05);
      expect(efficiency["auto"]).toBeGreaterThan(efficiency["popularity"]!);
    }
  },
  600_000,
);
