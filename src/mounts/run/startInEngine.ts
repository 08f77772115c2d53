/** Containers of an engine over this system's store: an image without store paths, and the closure mounted. */
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { requireOneOf, requireOptions } from "../../arguments.js";
import { LaminixError } from "../../errors.js";
import { layeredImage } from "../../builders/build/layeredImage.js";
import { loadImage } from "../../builders/load/loadImage.js";
import { textIfThere } from "../../files/optionalFile.js";
import { TemporaryFolder, temporaryPath } from "../../files/temporary.js";
import { checkBuildOptions } from "../../planning/buildOptions.js";
import { Opened } from "../../planning/opened.js";
import { endGroup, startGroup } from "../../process/group.js";
import { run } from "../../process/run.js";
import { Progress } from "../../progress.js";
import type { ImageSpec } from "../../spec/spec.js";
import { nixStore } from "../../store/defaultStore.js";
import { NixStore } from "../../store/nixStore.js";
import { type Engine, ENGINES } from "../../transports/engine/engines.js";
import { assembleFarm, removeFarm } from "../farm.js";
import { dockerMount, podmanMount } from "../formats/engines.js";
import { requireArgumentRoom } from "../formats/limits.js";
import { atOnce, withMountedLinks } from "../formatMounts.js";
import type { ContainerHold } from "../hold/containerHold.js";
import { holdWhile } from "../hold/holdWhile.js";
import { sweepHeld } from "../hold/sweepHeld.js";
import { closurePlan, type Mount, type MountPlan } from "../mountPlan.js";
import { type Container, runningContainer } from "./container.js";
import { checkContainerOptions, type ContainerOptions, requireSources } from "./runOptions.js";

export interface EngineContainerOptions extends ContainerOptions {
  readonly engine: Engine;
  /** Where it listens; found as in `loadImage` unless given. Its containers must be on this system. */
  readonly host?: string | undefined;
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
}

/** With more mounts than this, an engine takes long to start a container: they are mounted at once, where that can be. */
const MANY = 400;

/**
 * As `startContainer`, by an engine's own program. The container is removed at its end; its closure is held until then,
 * also where this process is killed.
 * @throws {LaminixError} ERR_PROGRAM where the engine's program is not there or fails; ERR_MOUNT_LIMIT; what building
 *   and loading the image, and holding the container, throw
 */
export async function startInEngine(
  subject: ImageSpec | string,
  options: EngineContainerOptions,
): Promise<Container> {
  if (typeof subject !== "string") requireOptions(subject, "subject");
  checkBuildOptions(options);
  checkContainerOptions(options, ["engine", "host", "environment"]);
  requireOneOf(options.engine, ENGINES, "options.engine");
  const progress = new Progress(options.onProgress);
  await using opened = new Opened();
  const { image, plan } = await loaded(subject, options, opened);
  const mounts = plan ? await mountsOf(plan, { progress, opened, signal: options.signal }) : [];
  if (plan) daemonStore(options);
  return started(argumentsOf(image, mounts, options), options, { plan, opened: opened.moved() });
}

/** Only a daemon makes roots that last as long as the container. */
function daemonStore({ store = nixStore }: EngineContainerOptions): NixStore {
  if (store instanceof NixStore) return store;
  throw new LaminixError(
    "ERR_UNSUPPORTED",
    `${store.url} has no daemon that could protect a container's store paths`,
    {
      hint: "run it over a daemon's store",
    },
  );
}

async function loaded(
  subject: ImageSpec | string,
  options: EngineContainerOptions,
  opened: Opened,
): Promise<{ readonly image: string; readonly plan: MountPlan | undefined }> {
  const { engine, host, environment, signal, onProgress, maxUnpacked } = options;
  const how = { engine, host, environment, signal, onProgress, maxUnpacked };
  if (typeof subject === "string") return { image: idOf(await loadImage(subject, how)), plan: undefined };
  const built = opened.add(await layeredImage({ ...subject, includeStorePaths: false }, options));
  const { closure } = built;
  const plan =
    closure.size === 0 ? undefined : await closurePlan(closure, options.store ?? nixStore, options);
  return { image: idOf(await loadImage(built, how)), plan };
}

function idOf({ imageIds }: { readonly imageIds: readonly string[] }): string {
  const [id = ""] = imageIds;
  return id;
}

interface Mounting {
  readonly progress: Progress;
  readonly opened: Opened;
  readonly signal: AbortSignal | undefined;
}

async function mountsOf(plan: MountPlan, { progress, opened, signal }: Mounting): Promise<readonly Mount[]> {
  if (plan.mounts.length + plan.links.length <= MANY || process.geteuid?.() !== 0)
    return withMountedLinks(plan, progress).mounts;
  const farm = await assembleFarm(plan, temporaryPath(), { signal });
  opened.add({
    [Symbol.asyncDispose]: () => removeFarm(farm),
  });
  return atOnce(plan, { farm }).mounts;
}

/** Of `docker run`, but for the file that tells the container's ID. */
function argumentsOf(image: string, mounts: readonly Mount[], options: EngineContainerOptions): string[] {
  const { engine, command = [], entrypoint, env = [], user, workdir, volumes = [] } = options;
  const { network = "none", readOnly = false, terminal = false } = options;
  requireSources(volumes);
  const mount = engine === "docker" ? dockerMount : podmanMount;
  const [first, ...others] = entrypoint ?? [];
  const args = [
    ...["--rm", "--interactive", `--network=${network}`],
    ...(terminal ? ["--tty"] : []),
    ...(readOnly ? ["--read-only", "--tmpfs=/tmp:exec,mode=1777"] : []),
    ...(entrypoint ? [`--entrypoint=${first ?? ""}`] : []),
    ...env.map((variable) => `--env=${variable}`),
    ...(user === undefined ? [] : [`--user=${user}`]),
    ...(workdir === undefined ? [] : [`--workdir=${workdir}`]),
    ...mounts.map((each) => `--mount=${mount(each)}`),
    ...volumes.map(
      (volume) => `--mount=${mount({ ...volume, kind: "folder" }, volume.readOnly ? "ro" : "rw")}`,
    ),
    ...[image, ...others, ...command],
  ];
  requireArgumentRoom(engine, args);
  return args;
}

interface Starting {
  readonly plan: MountPlan | undefined;
  readonly opened: Opened;
}

function started(
  args: readonly string[],
  options: EngineContainerOptions,
  { plan, opened }: Starting,
): Container {
  const { engine, host, environment, signal, stdio = "inherit" } = options;
  const idFile = join(opened.add(new TemporaryFolder()).path, "id");
  const child = startGroup(() =>
    spawn(engine, [...hostArguments(options), "run", `--cidfile=${idFile}`, ...args], {
      ...{ detached: true, stdio, env: environmentOf(options) },
    }),
  );
  const stop = (): void => {
    void removed(idFile, options).catch(() => child.kill());
  };
  const held = plan && heldBy(idFile, child, plan, options);
  // Nothing runs that may lose its files.
  held?.catch(stop);
  return runningContainer({
    ...{ child, signal, stop },
    statusOf: (code, by) => code ?? 128 + (by === null ? 0 : constants.signals[by]),
    release: async () => {
      await using _opened = opened;
      endGroup(child);
      await removed(idFile, options);
      const hold = await held;
      await hold?.close();
      if (plan) await sweepHeld({ engine, host, environment });
    },
  });
}

/** Until the container is known by its ID, this process holds its closure. */
async function heldBy(
  idFile: string,
  child: ChildProcess,
  { roots }: MountPlan,
  options: EngineContainerOptions,
): Promise<ContainerHold | undefined> {
  const id = await idIn(idFile, child);
  if (id === undefined) return undefined;
  const { engine, host, environment, signal } = options;
  const how = { engine, host, environment, signal, container: id, store: daemonStore(options) };
  return holdWhile(roots, how).catch((error: unknown) => {
    // A command that takes no time may have ended already.
    if (error instanceof LaminixError && error.code === "ERR_NO_CONTAINER") return undefined;
    throw error;
  });
}

/** Milliseconds between two looks at the file. */
const LOOK = 20;

/** `undefined` where the program ends without one. */
async function idIn(file: string, child: ChildProcess): Promise<string | undefined> {
  for (;;) {
    const id = textIfThere(file).trim();
    if (id !== "") return id;
    if (child.exitCode !== null || child.signalCode !== null) return undefined;
    await sleep(LOOK);
  }
}

/** It removes itself, unless its program was killed. */
async function removed(idFile: string, options: EngineContainerOptions): Promise<void> {
  const id = textIfThere(idFile).trim();
  if (id === "") return;
  const args = [...hostArguments(options), "rm", "--force", "--volumes", id];
  await run(options.engine, args, { env: environmentOf(options) }).catch((error: unknown) => {
    const isGone =
      error instanceof LaminixError && /no such container|already in progress/i.test(error.message);
    if (!isGone) throw error;
  });
}

function hostArguments({ engine, host }: EngineContainerOptions): string[] {
  if (host === undefined) return [];
  return engine === "docker" ? ["--host", host] : ["--remote", "--url", host];
}

function environmentOf({ environment }: EngineContainerOptions): NodeJS.ProcessEnv {
  return { ...process.env, ...environment };
}
