// The main job on a machine where nothing is set up: Nix builds a small closure in a store of its own, laminix makes
// an image of it and runs it in namespaces, over the store, and a Docker engine, if there is one, runs it too. All of it
// happens in a temporary folder.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, existsSync, openSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { styleText } from "node:util";
import { openStore, startContainer, streamLayeredImage } from "../dist/index.js";

const expression = path.resolve(import.meta.dirname, "../nix/demo");

const interrupt = new AbortController();
const { signal } = interrupt;
for (const name of ["SIGINT", "SIGTERM"]) process.on(name, () => interrupt.abort());

/** What to undo in the end, last thing first. */
const undo = [];

const bold = (text) => (process.stdout.isTTY ? styleText("bold", text) : text);
const heading = (text) => console.log(bold(`\n${text}`));
const size = (bytes) => (bytes < 1000 ? `${bytes} B` : `${Math.round(bytes / 1000).toLocaleString("en")} kB`);
const shortName = (storePath) => path.basename(storePath).replace(/^([0-9a-z]{6})[0-9a-z]{26}-/, "$1…-");

/** Runs a program and answers what it printed. */
async function run(program, args, options = {}) {
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    signal,
    ...options,
    env: { ...process.env, ...options.env },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} failed\n${stderr}${stdout}`);
  return stdout.trim();
}

/** For what is done in the end: it happens after an interruption too. */
const always = { signal: undefined };

const succeeds = (...call) =>
  run(...call).then(
    () => true,
    () => false,
  );

/** Starts a server, waits until `isReady`, and has it stopped in the end. */
async function start(program, args, env, log, isReady) {
  const output = openSync(log, "a");
  // In a group of its own: Ctrl-C must not end it before those that talk to it.
  const child = spawn(program, args, { env, detached: true, stdio: ["ignore", output, output] });
  await once(child, "spawn");
  undo.push(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
  });
  for (let tries = 0; !(await isReady()); tries++) {
    if (child.exitCode !== null || tries > 300) {
      throw new Error(`${program} does not start\n${await readFile(log, "utf8")}`);
    }
    await sleep(50, undefined, { signal });
  }
}

async function startNix(folder) {
  const socket = path.join(folder, "nix.socket");
  const conf = path.join(folder, "conf");
  await mkdir(conf);
  await writeFile(
    path.join(conf, "nix.conf"),
    // Builds run as this user, with this machine's compiler; nothing is fetched from anywhere.
    "build-users-group =\nsandbox = false\nsubstituters =\n",
  );
  const env = {
    HOME: folder,
    NIX_PATH: "",
    NIX_STORE_DIR: path.join(folder, "nix/store"),
    NIX_STATE_DIR: path.join(folder, "nix/var/nix"),
    NIX_LOG_DIR: path.join(folder, "nix/var/log/nix"),
    NIX_CONF_DIR: conf,
    NIX_DAEMON_SOCKET_PATH: socket,
  };
  for (const dir of [env.NIX_STORE_DIR, env.NIX_STATE_DIR]) await mkdir(dir, { recursive: true });
  const log = path.join(folder, "nix-daemon.log");
  await start("nix-daemon", [], { ...env, PATH: process.env.PATH, NIX_REMOTE: "local" }, log, () =>
    existsSync(socket),
  );
  return { uri: `unix://${socket}`, env: { ...env, NIX_REMOTE: `unix://${socket}` } };
}

/** The environment in which `docker` reaches an engine: the one that is there, or as root one of our own. */
async function findDocker(folder) {
  if (await succeeds("docker", ["version"], { timeout: 10_000 })) {
    return { env: {}, engine: "the Docker engine" };
  }
  signal.throwIfAborted();
  if (process.getuid?.() !== 0 || !existsSync("/usr/sbin/dockerd")) return undefined;
  const host = `unix://${path.join(folder, "docker.socket")}`;
  const env = { DOCKER_HOST: host, DOCKER_CONTEXT: "" };
  const config = path.join(folder, "docker.json");
  await writeFile(config, "{}");
  const args = [
    ...["--host", host, "--config-file", config, "--pidfile", path.join(folder, "docker.pid")],
    ...["--data-root", path.join(folder, "docker"), "--exec-root", path.join(folder, "docker-exec")],
    ...["--bridge=none", "--iptables=false", "--ip6tables=false", "--storage-driver=overlay2"],
  ];
  const log = path.join(folder, "docker.log");
  // An engine that is stopped while it starts leaves its data mounted upon itself.
  undo.push(async () => {
    const mounts = await readFile("/proc/self/mounts", "utf8");
    const places = mounts.split("\n").map((line) => line.split(" ")[1] ?? "");
    for (const place of places.filter((it) => it.startsWith(`${folder}/`)).reverse()) {
      await run("umount", ["--lazy", place], always);
    }
  });
  try {
    const isReady = () => succeeds("docker", ["version"], { env });
    await start(
      "/usr/sbin/dockerd",
      args,
      { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
      log,
      isReady,
    );
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
  return { env, engine: "a Docker engine started for this" };
}

/** Runs an image over the store, as `laminix run` does. */
async function runHere(spec, store) {
  heading("Run here by laminix: no engine, and the store paths are mounted, not copied");
  if (process.platform !== "linux") {
    console.log("  Linux alone can.");
    return;
  }
  try {
    const container = await startContainer(spec, { store, signal, stdio: ["ignore", "pipe", "inherit"] });
    undo.push(() => container.close());
    const [said, code] = await Promise.all([text(container.stdout), container.ended]);
    if (code !== 0) throw new Error(`the command ended with ${code}`);
    console.log(said.trimEnd().replace(/^/gm, "  "));
  } catch (error) {
    // Inside some containers, and where an administrator has switched them off.
    if (error.code !== "ERR_NAMESPACE") throw error;
    console.log(`  Not on this machine: ${error.message}`);
  }
}

async function demo() {
  const folder = await mkdtemp(path.join(tmpdir(), "laminix-demo-"));
  // Store paths are read-only, folders included.
  undo.push(() => run("sh", ["-c", 'chmod -R u+w "$1"; rm -rf "$1"', "sh", folder], always));
  await chmod(folder, 0o755);
  // The digests of these layers are of no use to anyone later.
  process.env.LAMINIX_CACHE_DIR = path.join(folder, "cache");

  heading("A Nix store of its own");
  const nix = await startNix(folder);
  console.log(`  ${nix.env.NIX_STORE_DIR}, served by ${await run("nix-daemon", ["--version"])}`);

  heading("Nix builds a program there");
  const built = await run(
    "nix-build",
    [expression, "--no-out-link", "--argstr", "path", process.env.PATH ?? ""],
    { env: nix.env },
  );
  console.log(`  ${built}`);

  const store = await openStore(nix.uri, { signal });
  undo.push(() => store.close());
  const closure = await store.closure(built, { signal });
  heading(`Its closure: ${closure.size} store paths, ${size(closure.narSize)}`);
  for (const { path: storePath, narSize, references } of closure) {
    const others = references.filter((reference) => reference !== storePath).map(shortName);
    console.log(
      `  ${size(narSize).padStart(8)}  ${shortName(storePath)}${others.length ? ` → ${others.join(", ")}` : ""}`,
    );
  }

  const spec = { name: "laminix-demo", contents: [built], config: { Cmd: ["/bin/hello"] } };
  const image = await streamLayeredImage(spec, { store, signal });
  undo.push(() => image.close());
  heading("The image's layers, bottom first");
  for (const { paths, narSize } of image.layers)
    console.log(`  ${size(narSize).padStart(8)}  ${paths.map(shortName).join(", ")}`);

  const reference = `${image.imageName}:${image.imageTag}`;
  const archive = path.join(folder, "image.tar");
  await pipeline(image.stream(), createWriteStream(archive), { signal });
  heading("The image");
  console.log(`  ${reference}, a docker-archive of ${size((await stat(archive)).size)}`);

  await runHere(spec, store);

  const docker = await findDocker(folder);
  if (!docker) {
    console.log("\nNo Docker engine answers here; where one does, it runs the image too.");
    return;
  }
  heading(`Loaded and run by ${docker.engine}`);
  undo.push(() => succeeds("docker", ["image", "rm", "--force", reference], { ...always, env: docker.env }));
  console.log(`  ${await run("docker", ["load", "--quiet", "--input", archive], { env: docker.env })}`);
  const said = await run("docker", ["run", "--rm", "--network", "none", reference], { env: docker.env });
  console.log(said.replace(/^/gm, "  "));
}

try {
  await demo();
  heading("Done. Everything above is removed again.");
} catch (error) {
  if (signal.aborted) {
    process.exitCode = 130;
  } else {
    console.error(`\n${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
} finally {
  for (const step of undo.reverse()) {
    try {
      await step();
    } catch (error) {
      // The steps left are as important.
      console.error(error instanceof Error ? error.message : error);
      process.exitCode ||= 1;
    }
  }
}
