import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { expect } from "vitest";
import { startImageRegistry } from "../support/imageRegistry.js";
import { startNixStore } from "../support/nixStore.js";
import { expectSound } from "../support/registryStorage.js";
import { testWith } from "../support/requirements.js";
import { runScript } from "../support/script.js";

/** Bytes. */
const ALLOWED = 250 << 20;

testWith(
  ["docker-registry", "openssl", "nix-daemon", "linux"],
  "pushing four large layers at once takes little memory",
  async () => {
    await using registry = await startImageRegistry({ plain: true });
    await using nix = await startNixStore();
    const hash = "0".repeat(64);
    const large = async (name: string, size: number): Promise<string> =>
      nix.addTree(
        name,
        (at) => {
          mkdirSync(at);
          writeFileSync(`${at}/file`, name);
          truncateSync(`${at}/file`, size);
        },
        { nar: { hash, size } },
      );
    for (const [how, size] of [
      ["gz", 150e6],
      ["none", 60e6],
    ] as const) {
      const paths: string[] = [];
      for (let i = 0; i < 4; i++) paths.push(await large(`large-${how}-${String(i)}`, size));
      const { stdout, stderr, code } = await runScript(
        `
        const store = await laminix.openStore(${JSON.stringify(nix.uri)});
        const registries = new laminix.Registries({ environment: { HOME: "/nowhere" } });
        const spec = { name: "large", config: { Cmd: ${JSON.stringify(paths)} } };
        const how = { registries, cache: false };
        const image = await laminix.streamLayeredImage(spec, { store, ...how });
        const { layers } = await laminix.pushImage(image, ${JSON.stringify(`${registry.host}/large:${how}`)}, {
          ...how,
          layerCompression: ${JSON.stringify(how)},
        });
        await image.close();
        await registries.close();
        await store.close();
        print({ layers: layers.length, memory: process.resourceUsage().maxRSS * 1024 });
        `,
        { timeout: 100_000 },
      );
      expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
      const { layers, memory } = JSON.parse(stdout.toString()) as { layers: number; memory: number };
      expect(layers).toBe(5);
      expect(memory).toBeLessThan(ALLOWED);
    }
    expectSound(registry.storage);
  },
);
