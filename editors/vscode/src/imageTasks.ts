/** Images of a spec, built and loaded in a terminal, where their progress is seen and they can be ended. */
import { basename, dirname } from "node:path";
import * as vscode from "vscode";

/** @param program laminix */
export async function buildImage(program: string, spec: vscode.Uri): Promise<void> {
  const beside = spec.with({ path: `${spec.path.replace(/(?:\.laminix)?\.json$/, "")}.tar.gz` });
  const output = await vscode.window.showSaveDialog({
    title: "Where to write the image",
    defaultUri: beside,
    filters: { "Image archives": ["tar.gz", "tar.zst", "tar"] },
  });
  if (output) await run(program, "build", spec, ["--output", output.fsPath]);
}

export async function loadImage(program: string, spec: vscode.Uri): Promise<void> {
  await run(program, "load", spec, []);
}

async function run(program: string, verb: string, spec: vscode.Uri, flags: string[]): Promise<void> {
  if (!vscode.workspace.isTrusted) throw new Error(`Trust the workspace to ${verb} its images.`);
  // The program reads the file.
  await vscode.workspace.textDocuments.find(({ uri }) => uri.toString() === spec.toString())?.save();
  const store = vscode.workspace.getConfiguration("laminix").get<string>("store", "auto");
  const args = [verb, spec.fsPath, ...flags, ...(store === "auto" ? [] : ["--store", store])];
  const task = new vscode.Task(
    { type: "process" },
    vscode.TaskScope.Workspace,
    `${verb} ${basename(spec.fsPath)}`,
    "laminix",
    new vscode.ProcessExecution(program, args, { cwd: dirname(spec.fsPath) }),
    [],
  );
  task.presentationOptions = { reveal: vscode.TaskRevealKind.Always, clear: true };
  await vscode.tasks.executeTask(task);
}
