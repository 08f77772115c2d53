import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { mustRun } from "./run.js";

/**
 * An image whose manifest lists its one layer twice, the second time by a link.
 * @param archive a docker-archive of one layer
 * @param place a folder that is made for it
 * @returns the new archive
 */
export async function withLayerTwice(archive: string, place: string): Promise<string> {
  mkdirSync(place);
  await mustRun("tar", ["-xf", archive, "-C", place]);
  const json = (name: string): unknown => JSON.parse(readFileSync(`${place}/${name}`, "utf8"));
  const [manifest] = json("manifest.json") as [{ Config: string; Layers: string[] }];
  const config = json(manifest.Config) as { rootfs: { diff_ids: string[] }; history: unknown[] };
  const [layer = ""] = manifest.Layers;
  mkdirSync(`${place}/again`);
  symlinkSync(`../${layer}`, `${place}/again/layer.tar`);
  const twice = { ...manifest, Config: "config.json", Layers: [layer, "again/layer.tar"] };
  writeFileSync(`${place}/manifest.json`, JSON.stringify([twice]));
  config.rootfs.diff_ids.push(...config.rootfs.diff_ids);
  config.history.push(...config.history);
  writeFileSync(`${place}/config.json`, JSON.stringify(config));
  await mustRun("tar", ["-cf", `${place}.tar`, "-C", place, "config.json", layer, "again", "manifest.json"]);
  return `${place}.tar`;
}
