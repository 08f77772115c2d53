import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Background, startInBackground } from "./background.js";
import { mustRun, projectRoot, run, type RunOptions, type RunResult } from "./run.js";
import { removeTree, temporaryFolder } from "./temporary.js";

export interface DockerEngine extends AsyncDisposable {
  /** What `DOCKER_HOST` is for this engine. */
  readonly host: string;
  readonly socket: string;
  readonly env: Readonly<Record<string, string>>;
  /**
   * Runs the `docker` command against this engine; rejects unless it succeeds. The engine has no network, so
   * `docker run` needs `--network none`.
   */
  docker(args: readonly string[], options?: RunOptions): Promise<RunResult>;
}

export interface OwnDockerEngine extends DockerEngine {
  /** Ends the engine. Its images and containers stay; those that run are killed. */
  stop(): Promise<void>;
  /** Starts it again after `stop`, on the same socket. */
  start(): Promise<void>;
}

/** The `docker` command with this environment. */
export function dockerCommand(env: DockerEngine["env"]): DockerEngine["docker"] {
  return (args, options = {}) =>
    mustRun("docker", args, { timeout: 300_000, ...options, env: { ...env, ...options.env } });
}

/** Starts a Docker engine of its own, as root, with its data in a temporary place. */
export async function startDockerEngine(): Promise<OwnDockerEngine> {
  const folder = await temporaryFolder("docker");
  const socket = folder.join("docker.sock");
  const host = `unix://${socket}`;
  // The machine's own settings of the engine, if it has any, are not meant for this one.
  await writeFile(folder.join("daemon.json"), "{}");
  const env = { DOCKER_HOST: host, DOCKER_CONFIG: folder.join("config"), DOCKER_CONTEXT: "" };

  // overlay2 does not work on top of every file system (not on another overlay, for one), so the data may have to be elsewhere.
  const places = [tmpdir(), path.join(projectRoot, ".cache"), "/var/lib", "/dev/shm"];
  const failures: string[] = [];
  for (const place of places) {
    let dataRoot: string | undefined;
    try {
      dataRoot = await mkdtemp(path.join(place, "laminix-docker-data-"));
      const engine = await startOn(dataRoot, folder.path, socket, env);
      return handle(engine, dataRoot);
    } catch (error) {
      failures.push(`${place}: ${error instanceof Error ? error.message : String(error)}`);
      await rm(folder.join("docker.log"), { force: true });
      if (dataRoot !== undefined) await removeData(dataRoot);
    }
  }
  await folder[Symbol.asyncDispose]();
  throw new Error(`no Docker engine could be started\n${failures.join("\n")}`);

  function handle(started: Background, dataRoot: string): OwnDockerEngine {
    let engine = started;
    return {
      host,
      socket,
      env,
      docker: dockerCommand(env),
      stop: () => engine.stop(),
      start: async () => {
        engine = await startOn(dataRoot, folder.path, socket, env);
      },
      [Symbol.asyncDispose]: async () => {
        await engine.stop();
        await removeData(dataRoot);
        await unmountBelow(folder.path);
        await folder[Symbol.asyncDispose]();
      },
    };
  }
}

function startOn(
  dataRoot: string,
  folder: string,
  socket: string,
  env: Readonly<Record<string, string>>,
): Promise<Background> {
  return startInBackground(
    "dockerd",
    [
      ...["--host", `unix://${socket}`],
      ...["--data-root", dataRoot, "--exec-root", path.join(folder, "exec")],
      ...["--pidfile", path.join(folder, "docker.pid"), "--config-file", path.join(folder, "daemon.json")],
      // No network of any kind: it would change the machine's own.
      ...["--bridge=none", "--iptables=false", "--ip6tables=false"],
      "--storage-driver=overlay2",
    ],
    {
      env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` },
      logFile: path.join(folder, "docker.log"),
      isReady: async () => (await run("docker", ["version"], { env })).code === 0,
      grace: 20_000,
    },
  );
}

async function removeData(dataRoot: string): Promise<void> {
  await unmountBelow(dataRoot);
  await removeTree(dataRoot);
}

/** Containers that were killed with the engine leave their file systems mounted. */
async function unmountBelow(folder: string): Promise<void> {
  const mounted = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((place) => place === folder || place.startsWith(`${folder}/`));
  for (const place of mounted.reverse()) await run("umount", ["--lazy", place]);
}
