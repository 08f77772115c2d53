/** What code actions and lenses do when they are chosen. */
import { LaminixError } from "../errors.js";
import type { Editor } from "./editor.js";
import type { Asking } from "./asking.js";
import { objectOf, stringIn } from "./parameters.js";
import type { Report } from "./reports/report.js";
import { parseReportUri, PATH_REPORTS, type ReportOf } from "./reports/reportUri.js";

type Arguments = readonly unknown[];

type RunCommand = (args: Arguments, editor: Editor, asking: Asking) => Promise<unknown>;

const reports = Object.fromEntries(
  PATH_REPORTS.map((kind) => [
    `laminix.${kind}`,
    shown((args) => ({ kind, path: textAt(args, 0, "a store path") })),
  ]),
);

/** By the names under which an editor calls them. */
export const commands: Readonly<Record<string, RunCommand>> = {
  ...reports,
  "laminix.whyDepends": shown((args) => ({
    kind: "why-depends",
    path: textAt(args, 0, "a store path"),
    to: textAt(args, 1, "a store path or a name"),
  })),
  "laminix.layers": shown((args) => ({ kind: "layers", spec: textAt(args, 0, "the URI of a spec") })),
  /** A report for editors that do not read `laminix:` URIs themselves. */
  "laminix.report": async (args, editor, asking) => {
    const { makeReport } = await import("./reports/report.js");
    return makeReport(parseReportUri(textAt(args, 0, "the URI of a report")), editor, asking);
  },
  "laminix.addRoot": async (args, editor, asking) => {
    editor.settings.requireTrust("no root is added");
    const { addRoot } = await import("./roots.js");
    return addRoot(textAt(args, 0, "a store path"), optionalText(args, 1), editor, asking);
  },
  "laminix.build": async (args, editor, asking) => {
    editor.settings.requireTrust("nothing is built");
    const { buildSpec } = await import("./images.js");
    return buildSpec(textAt(args, 0, "the URI of a spec"), optionalText(args, 1), editor, asking);
  },
  "laminix.load": async (args, editor, asking) => {
    editor.settings.requireTrust("nothing is loaded");
    const { loadSpec } = await import("./images.js");
    return loadSpec(textAt(args, 0, "the URI of a spec"), editor, asking);
  },
};

export async function executeCommand(params: unknown, editor: Editor, asking: Asking): Promise<unknown> {
  const name = stringIn(params, "command");
  const { arguments: given = [] } = objectOf(params, "params");
  const run = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!run) throw new LaminixError("ERR_UNSUPPORTED", `there is no command ${JSON.stringify(name)} here`);
  if (!Array.isArray(given)) throw new LaminixError("ERR_ARGUMENT", "params.arguments must be a list");
  return run(given, editor, asking);
}

function shown(reportOf: (args: Arguments) => ReportOf): RunCommand {
  return async (args, editor, asking): Promise<Report> => {
    const { makeReport } = await import("./reports/report.js");
    const { showReport } = await import("./reports/showReport.js");
    const report = await makeReport(reportOf(args), editor, asking);
    await showReport(report, editor);
    return report;
  };
}

function textAt(args: Arguments, at: number, what: string): string {
  const text = optionalText(args, at);
  if (text === undefined) {
    throw new LaminixError("ERR_ARGUMENT", `argument ${String(at + 1)} of the command must be ${what}`);
  }
  return text;
}

function optionalText(args: Arguments, at: number): string | undefined {
  const value = args[at];
  return typeof value === "string" && value !== "" ? value : undefined;
}
