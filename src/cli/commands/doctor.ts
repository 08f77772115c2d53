import type { Command } from "commander";
import type { DoctorDocument } from "../documents/others.js";
import { counted } from "../../format.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, refuseGraph } from "../options.js";
import { Report } from "../report.js";

const help = `
Each feature is looked for as the other commands look for it, all within two seconds. Nothing is changed, no daemon is
started, and the network is not used: of engines only local sockets are asked, and of credentials it is shown which there
are, never what they are. Namespaces are entered for a moment. The exit code is 0 whatever is missing.
With --json: {"features":[{"feature","neededFor","status","found","todo"}],"warnings":[…]}.

Examples:
  laminix doctor
  laminix doctor --json | jq '.features[] | select(.status != "ok")'`;

export function doctor(io: Io): Command {
  return command("doctor", "show what is there and what is missing on this machine, and what to do about it")
    .addHelpText("after", help)
    .action(async (options: CommonOptions) => {
      refuseGraph(options);
      const report = new Report(io, options);
      // Loaded when needed: it is most of the program.
      const [{ checks }, { examine }, { tableOf }] = await Promise.all([
        import("../doctor/checks.js"),
        import("../doctor/examine.js"),
        import("../doctor/table.js"),
      ]);
      const { environment, signal } = io;
      const features = await examine(checks, { store: options.store, environment, signal });
      const working = features.filter(({ status }) => status === "ok").length;
      const summary = `${String(working)} of ${counted(features.length, "feature")} are ok`;
      await report.facts<DoctorDocument>({ features }, { lines: tableOf(features), summary });
    });
}
