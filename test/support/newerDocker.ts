import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { startInBackground } from "./background.js";
import { dockerCommand, type DockerEngine } from "./dockerEngine.js";
import { projectRoot, run } from "./run.js";
import { temporaryFolder } from "./temporary.js";

/** Runs the Docker engine of another Debian release, which the set-up script unpacks. */
export const otherDockerd = path.join(projectRoot, ".cache/docker-trixie/dockerd");

/**
 * Starts a newer Docker engine, as root, to see what it does with images: it runs no containers.
 * @param store who keeps its images: Docker itself, or containerd
 */
export async function startNewerDocker(store: "docker" | "containerd"): Promise<DockerEngine> {
  const folder = await temporaryFolder("newer-docker");
  const inside = folder.join("engine");
  await mkdir(inside);
  await writeFile(
    `${inside}/daemon.json`,
    JSON.stringify({ features: { "containerd-snapshotter": store === "containerd" } }),
  );
  const socket = `${inside}/docker.sock`;
  const host = `unix://${socket}`;
  const env = { DOCKER_HOST: host, DOCKER_CONFIG: folder.join("config"), DOCKER_CONTEXT: "" };
  const engine = await startInBackground(
    otherDockerd,
    [
      inside,
      ...["--host", "unix:///engine/docker.sock", "--config-file", "/engine/daemon.json"],
      ...["--data-root", "/engine/data", "--exec-root", "/engine/exec", "--pidfile", "/engine/docker.pid"],
      // No network of any kind: it would change the machine's own.
      ...["--bridge=none", "--iptables=false", "--ip6tables=false"],
      // These work on top of every file system.
      `--storage-driver=${store === "containerd" ? "native" : "vfs"}`,
    ],
    {
      env: { ...process.env, PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
      logFile: folder.join("docker.log"),
      isReady: async () => (await run("docker", ["version"], { env })).code === 0,
      grace: 20_000,
    },
  );
  return {
    host,
    socket,
    env,
    docker: dockerCommand(env),
    [Symbol.asyncDispose]: async () => {
      await engine.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}
