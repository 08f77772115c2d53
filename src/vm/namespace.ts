/** A script that runs as root in namespaces of this system: as the machine's, much sooner, and without its limits. */
import { copyFileSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LaminixError } from "../errors.js";
import { textIfThere } from "../files/optionalFile.js";
import { OpenArchive } from "../files/openArchive.js";
import { TemporaryFolder } from "../files/temporary.js";
import { run } from "../process/run.js";
import { applyLayer, emptyRoot } from "../tree/apply.js";
import type { FolderNode } from "../tree/node.js";
import { findBusybox } from "./busybox.js";
import { COMMAND_FAILED, encodeDescription, enterProgram } from "./enter.js";
import { mappingOf, overlayOf, requireMapped, unshareCommand } from "./mapping.js";
import { failureOf, parseReport } from "./outcome.js";
import type { RootScript, RunOptions } from "./rootScript.js";
import { ScriptLog } from "./scriptLog.js";
import { SCRIPT_PATH, shellFor, TRAPS_TEXT } from "./shell.js";
import { TOOLS } from "./stage.js";
import { type Bind, treesTar } from "./treesTar.js";
import { ATTRIBUTES } from "./unpackTar.js";

/**
 * Unpacks the trees, runs the script over them, and packs the upper one, all in namespaces of their own.
 * @throws {LaminixError} ERR_NAMESPACE, ERR_ADDON_MISSING, ERR_PROGRAM, ERR_MACHINE where there is no busybox, ERR_SCRIPT and its kin
 */
export async function runInNamespace(script: RootScript, options: RunOptions): Promise<FolderNode> {
  const { signal, adopt, onLine, network = false } = options;
  const enter = enterProgram();
  const mapping = mappingOf();
  requireMapped(mapping, [script.lower, script.upper]);
  const busybox = findBusybox(options.busybox ?? process.env.LAMINIX_VM_BUSYBOX);
  using temporary = new TemporaryFolder();
  const place = (name: string): string => join(temporary.path, name);
  const binds = await treesTar(place("trees.tar"), script, { signal, adopt });
  prepare(script, { place, enter, busybox, binds, network, overlayOptions: mapping.overlayOptions });
  const log = new ScriptLog(onLine);
  const main = ["sh", place("main"), temporary.path];
  try {
    const [unshare, ...args] = unshareCommand(mapping);
    await run(unshare, [...args, ...main], {
      ...(signal && { signal }),
      onStdoutLine: log.add,
      // At its end all that was started there ends: when this process does, at the latest.
      endlessInput: true,
      hint: 'isolation "namespace" needs unshare of util-linux: install it',
    });
  } catch (error) {
    throw textIfThere(place("status")) === "" ? refused(error) : error;
  } finally {
    // What belongs to others is for those to remove who may.
    const remove = [...mapping.arguments, "--", place("tools/bin/busybox"), "rm", "-rf", place("trees")];
    await run("unshare", remove).catch(() => undefined);
  }
  const failure = failureOf({
    report: parseReport(textIfThere(place("status"))),
    output: log.last,
    script,
    told: log.told,
  });
  if (failure) throw failure;
  const archive = new OpenArchive(openSync(place("upper.tar"), "r"));
  adopt(archive);
  const upper = emptyRoot();
  await applyLayer(upper, archive, "the image's root", { whiteouts: "keep", signal });
  return upper;
}

interface Preparation {
  readonly place: (name: string) => string;
  readonly enter: string;
  readonly busybox: string;
  readonly binds: readonly Bind[];
  readonly network: boolean;
  readonly overlayOptions: string;
}

/** `tools` is what the script finds in `TOOLS`. */
function prepare(
  script: RootScript,
  { place, enter, busybox, binds, network, overlayOptions }: Preparation,
): void {
  const { storeDir } = script;
  const hasStore = script.store.size > 0;
  const overlay = overlayOf({
    ...{ lower: [place("trees/lower")], upper: place("trees/upper"), work: place("trees/work") },
    options: overlayOptions,
  });
  const description = encodeDescription({
    root: place("trees/root"),
    overlay,
    status: place("status"),
    folders: [
      ...(["/dev", "/proc", "/sys"] as const).map((path) => [path, 0o755] as const),
      ["/tmp", 0o1777],
      ...(hasStore ? [[storeDir, 0o755] as const] : []),
    ],
    binds: [
      [place("tools"), TOOLS],
      ...(hasStore ? [[place("trees/store"), storeDir] as const] : []),
      ...binds.map(({ from, name }) => [from, `${storeDir}/${name}`] as const),
    ],
    resolver: network ? place("resolv.conf") : undefined,
    network,
    environment: [`PATH=${SCRIPT_PATH}`, "HOME=/root", "TERM=dumb"],
    command: shellFor(script.text, [script.upper, script.lower]),
  });
  mkdirSync(place("tools/bin"), { recursive: true });
  // A copy: should the script find a way to overwrite it, nothing else will run it.
  copyFileSync(enter, place("enter"));
  copyFileSync(busybox, place("tools/bin/busybox"));
  writeFileSync(place("tools/runAsRoot"), script.text);
  writeFileSync(place("tools/traps"), TRAPS_TEXT);
  writeFileSync(place("resolv.conf"), textIfThere("/etc/resolv.conf"));
  writeFileSync(place("description"), description);
  writeFileSync(place("main"), MAIN);
}

/**
 * Files are unpacked and packed by GNU tar, which keeps all that a file has. By the time they are packed no process of
 * the script's is left.
 */
const MAIN = String.raw`
place=$1
umask 022
# Takes effect when the program that runs has ended; it gets the signal, too.
trap 'exit 1' TERM
mkdir "$place/trees" "$place/trees/work" "$place/trees/root"
attributes="${ATTRIBUTES.join(" ")}"
set -f
tar --force-local --extract --numeric-owner --same-owner --preserve-permissions $attributes --file="$place/trees.tar" \
  --directory="$place/trees" || exit 1
rm "$place/trees.tar"
chmod 755 "$place/enter" "$place/tools" "$place/tools/bin" "$place/tools/bin/busybox" "$place/tools/runAsRoot"
chmod 644 "$place/resolv.conf"
"$place/tools/bin/busybox" --install "$place/tools/bin"
"$place/enter" "$place/description"
case $? in 0) ;; ${COMMAND_FAILED}) exit 0 ;; *) exit 1 ;; esac
tar --force-local --create --format=pax --sort=name --numeric-owner $attributes --file="$place/upper.tar" \
  --directory="$place/trees/upper" .
`;

/** What was wrong before the script began. */
function refused(error: unknown): unknown {
  if (
    !(error instanceof LaminixError) ||
    error.code !== "ERR_PROGRAM" ||
    error.details.exitCode === undefined
  )
    return error;
  const stderr = String(error.details.stderr).trimEnd();
  const lastLine = stderr.split("\n").at(-1) ?? "";
  return new LaminixError("ERR_NAMESPACE", `no namespaces can be had for runAsRoot here: ${lastLine}`, {
    cause: error,
    details: { stderr },
    hint: 'isolation "machine" needs no privilege',
  });
}
