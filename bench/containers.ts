/**
 * From a command line to a command that has run in a container over this system's store: `laminix run` beside Docker with
 * the image's store paths in layers, Docker with a mount a path, and bubblewrap; then all of them over 10,000 paths. The
 * peers are told what to mount beforehand.
 */
import { chmodSync, copyFileSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import path from "node:path";
import { formatMounts, type MountFormat, mountPlan, openStore } from "laminix";
import { debianClosure, largePackages } from "../test/support/debianStore.js";
import { type DockerEngine, startDockerEngine } from "../test/support/dockerEngine.js";
import { type NixStore, startNixStore } from "../test/support/nixStore.js";
import { lacking } from "../test/support/requirements.js";
import { mustRun, projectRoot } from "../test/support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../test/support/temporary.js";
import { compare, type Cost, measure } from "./support/measure.js";
import { randomGraph } from "./support/randomGraph.js";
import { ratio, seconds, table } from "./support/table.js";

const MANY = 10_000;
/** Any that is not root's. */
const ORDINARY = 1000;
const LONG = 1_200_000;

const laminix = [process.execPath, path.join(projectRoot, "dist/bundled/laminix.js")];
const NODE = "node -e 0";
const RUN = "laminix run";

export async function containers(): Promise<string> {
  const reason = lacking(["dockerd", "bwrap", "setpriv"]);
  if (reason !== undefined) return `run: ${reason}`;
  await using engine = await startDockerEngine();
  await using folder = await temporaryFolder("bench");
  // The program is no store path: the closures have none that fits all.
  mkdirSync(folder.join("root/bin"), { recursive: true });
  copyFileSync("/bin/busybox", folder.join("root/bin/busybox"));
  chmodSync(folder.join("root/bin/busybox"), 0o755);
  return [await packages(engine, folder), await many(engine, folder)].join("\n\n");
}

type Candidates = Record<string, () => Promise<Cost>>;

/** A closure, and what is run over it. */
class Containers {
  readonly #store: NixStore;
  readonly #roots: readonly string[];
  readonly #folder: TemporaryFolder;

  constructor(store: NixStore, roots: readonly string[], folder: TemporaryFolder) {
    this.#store = store;
    this.#roots = roots;
    this.#folder = folder;
  }

  run(): Promise<Cost> {
    return measure([...laminix, ...this.#asked("run"), "--", ...COMMAND], { env: this.#env() });
  }

  runAsUser(): Promise<Cost> {
    const user = ["setpriv", `--reuid=${String(ORDINARY)}`, `--regid=${String(ORDINARY)}`, "--clear-groups"];
    const command = [...user, ...laminix, ...this.#asked("run"), "--", ...COMMAND];
    return measure(command, { env: { ...this.#env(), HOME: "/nonexistent", TMPDIR: "/tmp" } });
  }

  docker(engine: DockerEngine, image: string, mounts: readonly string[]): Promise<Cost> {
    const command = ["docker", "run", "--rm", "--network", "none", ...mounts, image, ...COMMAND];
    return measure(command, { env: engine.env });
  }

  bwrap(args: string): Promise<Cost> {
    const program = ["--ro-bind", this.#folder.join("root/bin"), "/bin"];
    const own = ["--unshare-all", "--die-with-parent", "--proc", "/proc", "--dev", "/dev"];
    return measure(["bwrap", ...own, "--args", "0", ...program, "--", ...COMMAND], {
      input: openSync(args, "r"),
    });
  }

  /** Assembles a farm, has Docker mount it, and takes it away. */
  farmAndDocker(engine: DockerEngine, image: string): Promise<Cost> {
    const farm = this.#folder.join("farm");
    const script = `
set -e
trap 'umount --lazy "$0"' EXIT
docker run --rm --network none $("$@" --farm "$0" --for docker) ${image} ${COMMAND.join(" ")}`;
    return measure(["bash", "-c", script, farm, ...laminix, ...this.#asked("mounts")], {
      env: { ...this.#env(), ...engine.env },
    });
  }

  async load(engine: DockerEngine, name: string, flags: readonly string[] = []): Promise<string> {
    const [node = "", ...bin] = laminix;
    const args = [...bin, ...this.#asked("load"), "--name", name, "--tag", "1", "--quiet", ...flags];
    await mustRun(node, args, { env: { ...this.#env(), ...engine.env }, timeout: LONG });
    return `${name}:1`;
  }

  /** What to mount, in a file and as arguments. */
  async mounts(format: MountFormat): Promise<{ readonly file: string; readonly lines: readonly string[] }> {
    await using store = await openStore(this.#store.uri);
    const text = formatMounts(await mountPlan(this.#roots, { store }), format);
    const file = this.#folder.join(format);
    writeFileSync(file, text);
    return { file, lines: text.trimEnd().split("\n") };
  }

  /** A command line that names the image. */
  #asked(verb: string): string[] {
    const contents = verb === "mounts" ? [] : [this.#folder.join("root")];
    return [verb, ...this.#roots, ...contents, "--store", this.#store.uri];
  }

  #env(): Record<string, string> {
    return { LAMINIX_CACHE_DIR: this.#folder.join("cache") };
  }
}

const COMMAND = ["/bin/busybox", "true"];

async function packages(engine: DockerEngine, folder: TemporaryFolder): Promise<string> {
  const closure = await debianClosure(largePackages);
  await using store = await startNixStore({ at: closure.root });
  const over = new Containers(store, closure.roots, folder);
  const whole = await over.load(engine, "whole");
  const bare = await over.load(engine, "bare", ["--no-include-store-paths"]);
  const { lines } = await over.mounts("docker");
  const { file } = await over.mounts("bwrap");
  return await compared(`a command over ${String(closure.paths.length)} store paths`, 9, {
    [NODE]: () => measure([process.execPath, "-e", "0"]),
    [RUN]: () => over.run(),
    "laminix run, as an ordinary user": () => over.runAsUser(),
    "docker run, all in layers": () => over.docker(engine, whole, []),
    "docker run, a --mount a path": () => over.docker(engine, bare, lines),
    "bwrap --args": () => over.bwrap(file),
  });
}

async function many(engine: DockerEngine, folder: TemporaryFolder): Promise<string> {
  await using store = await startNixStore();
  const paths = randomGraph(store.storeDir, MANY);
  for (const { path: place } of paths) mkdirSync(store.realPath(place), { mode: 0o555 });
  await store.registerPaths(paths);
  const over = new Containers(store, [paths[MANY - 1]?.path ?? ""], folder);
  const bare = await over.load(engine, "many", ["--no-include-store-paths"]);
  return await compared(`a command over ${String(MANY)} store paths`, 5, {
    [NODE]: () => measure([process.execPath, "-e", "0"]),
    [RUN]: () => over.run(),
    "laminix run, as an ordinary user": () => over.runAsUser(),
    "laminix mounts --farm, docker run, umount": () => over.farmAndDocker(engine, bare),
  });
}

async function compared(title: string, rounds: number, candidates: Candidates): Promise<string> {
  const results = await compare(candidates, { rounds });
  const start = results[NODE]?.seconds ?? 0;
  const own = results[RUN]?.seconds ?? 0;
  const rows = Object.entries(results).map(([name, { seconds: time }]) => {
    const isOwn = name.startsWith("laminix ") && !name.includes("docker");
    const isPeer = !isOwn && name !== NODE;
    return [name, seconds(time), isOwn ? seconds(time - start) : "", isPeer ? ratio(own / time) : ""];
  });
  return table([title, "time", "over Node's", "laminix run / it"], rows);
}
