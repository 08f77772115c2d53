import type { Command } from "commander";
import { bytes, counted, namesOf } from "../format.js";
import { type ImageFlags, SPEC_OR_PATHS, specFrom, withImageFlags, withLayerFlags } from "../imageFlags.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, withStore } from "../options.js";
import { progress } from "../progress.js";

export function layers(io: Io): Command {
  return withLayerFlags(
    withImageFlags(command("layers", "how an image's store paths would be put into layers")),
  )
    .argument("[SPEC|PATH...]", SPEC_OR_PATHS)
    .action(async (args: string[], options: CommonOptions & ImageFlags) => {
      const { planLayers } = await import("../../builders/planLayers.js");
      const { onProgress } = progress(io, options);
      const plan = await withStore(options, async (store) => {
        const spec = await specFrom(args, options, store, io);
        return planLayers(spec, { store, signal: io.signal, onProgress });
      });
      if (options.json) return io.stdout.write(`${JSON.stringify(plan)}\n`);
      const width = String(plan.layers.length).length;
      const lines = plan.layers.map(({ paths, narSize }, i) => {
        const position = String(i + 1).padStart(width);
        return `${position}  ${bytes(narSize).padStart(8)}  ${String(paths.length).padStart(5)}  ${namesOf(paths)}\n`;
      });
      await io.stdout.write(lines.join(""));
      if (!options.quiet) {
        const total = plan.layers.reduce((sum, { narSize }) => sum + narSize, 0);
        const how = plan.strategy === "pipeline" ? "layeringPipeline" : `strategy ${plan.strategy}`;
        io.stderr.write(`${counted(plan.layers.length, "layer")} by ${how}, ${bytes(total)}\n`);
      }
    });
}
