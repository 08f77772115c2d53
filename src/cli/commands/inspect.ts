import type { Command } from "commander";
import { bytes, counted } from "../format.js";
import type { Io } from "../io.js";
import { command, type CommonOptions } from "../options.js";

export function inspect(io: Io): Command {
  return command("inspect", "what is in a docker-archive")
    .argument("<ARCHIVE>")
    .action(async (path: string, options: CommonOptions) => {
      const { DockerArchive } = await import("../../transports/dockerArchive/read.js");
      const { describeArchive } = await import("../../transports/dockerArchive/describe.js");
      const { formatJson } = await import("../../image/json.js");
      using archive = await DockerArchive.open(path, { signal: io.signal });
      if (options.json) {
        await io.stdout.write(`${formatJson(await describeArchive(archive))}\n`);
        return;
      }
      for (const image of archive.images) {
        const digests = await Promise.all(image.layers.map((layer) => layer.diffId()));
        const size = digests.reduce((sum, digest) => sum + digest.size, 0);
        const lines = [
          image.references.join(" ") || "(no tag)",
          `  config  ${image.configDigest}`,
          `  runs    ${formatJson(image.configFile.get("config") ?? null)}`,
          `  layers  ${counted(digests.length, "layer")}, ${bytes(size)}`,
          ...digests.map((digest) => `          ${digest.diffId}  ${bytes(digest.size).padStart(8)}`),
        ];
        await io.stdout.write(`${lines.join("\n")}\n`);
      }
    });
}
