/** A script that runs as root in namespaces of this system: as the machine's, much sooner, and without its limits. */
import { copyFileSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LaminixError } from "../errors.js";
import { textIfThere } from "../files/mayBe.js";
import { OpenArchive } from "../files/openArchive.js";
import { TemporaryFolder } from "../files/temporaryFolder.js";
import { run } from "../process/run.js";
import { applyLayer, emptyRoot } from "../tree/apply.js";
import type { FolderNode } from "../tree/node.js";
import { findBusybox } from "./busybox.js";
import { mappingOf, requireMapped } from "./mapping.js";
import { failureOf, toldIn } from "./outcome.js";
import type { RootScript, RunOptions } from "./rootScript.js";
import { ScriptLog } from "./scriptLog.js";
import { SCRIPT_PATH, shellFor } from "./shell.js";
import { assignments, STAGE, type StageSettings } from "./stage.js";
import { type Bind, treesTar } from "./treesTar.js";

/**
 * Unpacks the trees, runs the script over them, and packs the upper one, all in namespaces of their own.
 * @throws {LaminixError} ERR_NAMESPACE, ERR_PROGRAM, ERR_MACHINE where there is no busybox, ERR_SCRIPT and its kin
 */
export async function runInNamespace(script: RootScript, options: RunOptions): Promise<FolderNode> {
  const { signal, adopt, onLine, network = false } = options;
  const mapping = mappingOf();
  requireMapped(mapping, [script.lower, script.upper]);
  const busybox = findBusybox(options.busybox ?? process.env.LAMINIX_VM_BUSYBOX);
  using temporary = new TemporaryFolder();
  const place = (name: string): string => join(temporary.path, name);
  const binds = await treesTar(place("trees.tar"), script, { signal, adopt });
  prepare(script, { place, busybox, binds, network, overlayOptions: mapping.overlayOptions });
  const log = new ScriptLog(onLine);
  const main = ["sh", place("tools/main"), temporary.path];
  try {
    await run("unshare", [...mapping.arguments, "--mount", "--propagation=private", "--", ...main], {
      ...(signal && { signal }),
      onStdoutLine: log.add,
      hint: 'isolation "namespace" needs unshare of util-linux: install it',
    });
  } catch (error) {
    throw textIfThere(place("status")) === "" ? refused(error) : error;
  } finally {
    // What belongs to others is for those to remove who may.
    const remove = [...mapping.arguments, "--", place("tools/bin/busybox"), "rm", "-rf", place("trees")];
    await run("unshare", remove).catch(() => undefined);
  }
  const { memory, diskSize } = script;
  const failure = failureOf({
    told: toldIn(textIfThere(place("status"))),
    output: log.last,
    memory,
    diskSize,
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
  readonly busybox: string;
  readonly binds: readonly Bind[];
  readonly network: boolean;
  readonly overlayOptions: string;
}

function prepare(script: RootScript, { place, busybox, binds, network, overlayOptions }: Preparation): void {
  const settings: StageSettings = {
    lower: place("trees/lower"),
    upper: place("trees/upper"),
    work: place("trees/work"),
    root: place("trees/root"),
    store: script.store.size === 0 ? "" : place("trees/store"),
    storeDir: script.storeDir,
    ...{ overlayOptions, network },
    shell: shellFor(script.text, [script.upper, script.lower]),
    path: SCRIPT_PATH,
    tools: place("tools"),
    status: place("status"),
    cgroup: "",
  };
  mkdirSync(place("tools/bin"), { recursive: true });
  copyFileSync(busybox, place("tools/bin/busybox"));
  writeFileSync(place("tools/script"), script.text);
  writeFileSync(place("tools/resolv.conf"), textIfThere("/etc/resolv.conf"));
  writeFileSync(place("tools/stage"), `${assignments(settings)}${STAGE}`);
  writeFileSync(place("tools/main"), MAIN);
  writeFileSync(
    place("tools/binds"),
    binds.map(({ from, name }) => `${from}\t${place("trees/store")}/${name}\n`).join(""),
  );
}

/** Files are unpacked and packed by GNU tar, which keeps all that a file has. */
const MAIN = String.raw`
place=$1 system=$PATH
mkdir "$place/trees" "$place/trees/work" "$place/trees/root"
attributes="--xattrs --xattrs-include=user.* --xattrs-include=security.capability --xattrs-include=trusted.overlay.opaque"
set -f
tar --extract --numeric-owner --same-owner --preserve-permissions $attributes --file="$place/trees.tar" \
  --directory="$place/trees" || exit 1
set +f
rm "$place/trees.tar"
"$place/tools/bin/busybox" --install -s "$place/tools/bin"
PATH=$place/tools/bin
while IFS="$(printf '\t')" read -r from to; do
  mount --bind "$from" "$to" || exit 1
  for flags in "" ,nodev ,nosuid,nodev ,nosuid,nodev,noatime ,nosuid,nodev,relatime; do
    ! mount -o "remount,bind,ro$flags" "$to" 2>/dev/null || continue 2
  done
  exit 1
done < "$place/tools/binds"
sh "$place/tools/stage" 3>&1 || exit 0
PATH=$system
set -f
tar --create --format=pax --sort=name --numeric-owner $attributes --file="$place/upper.tar" \
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
  const said = stderr.split("\n").at(-1) ?? "";
  return new LaminixError("ERR_NAMESPACE", `no namespaces can be had for runAsRoot here: ${said}`, {
    cause: error,
    details: { stderr },
    hint: 'isolation "machine" needs no privilege',
  });
}
