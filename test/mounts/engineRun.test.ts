// Containers of an engine over the store: `laminix run --with docker`.
import { once } from "node:events";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startInEngine, NixStore } from "../../dist/index.js";
import { addBusybox } from "../support/containers.js";
import { type OwnDockerEngine, startDockerEngine } from "../support/dockerEngine.js";
import { failureOf } from "../support/failure.js";
import { type NixStore as Daemon, startNixStore } from "../support/nixStore.js";
import { describeWith } from "../support/requirements.js";
import { projectRoot, run, type RunResult } from "../support/run.js";
import { startLaminix } from "../support/started.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

describeWith(["dockerd", "busybox", "nix-daemon", "root"], "laminix run --with docker", () => {
  let engine: OwnDockerEngine;
  let daemon: Daemon;
  let store: NixStore;
  let folder: TemporaryFolder;
  let busybox: string;
  let data: string;

  beforeAll(async () => {
    folder = await temporaryFolder("engine-run");
    [engine, daemon] = await Promise.all([startDockerEngine(), startNixStore()]);
    store = new NixStore(daemon.uri);
    data = await daemon.addTextFile("data", "of the closure\n");
    busybox = await addBusybox(daemon, "busybox-1", { references: [data] });
  });
  afterAll(async () => {
    await store.close();
    for (const each of [daemon, engine, folder]) await each[Symbol.asyncDispose]();
  });

  const environment = (): Record<string, string> => ({
    DOCKER_HOST: engine.host,
    XDG_STATE_HOME: folder.join("state"),
  });
  const roots = (): string[] => {
    const place = folder.join("state/laminix/roots/docker");
    return existsSync(place) ? readdirSync(place) : [];
  };
  const laminix = (args: readonly string[], options: { readonly input?: string } = {}): Promise<RunResult> =>
    run(
      process.execPath,
      [path.join(projectRoot, "dist/bundled/laminix.js"), "run", "--store", daemon.uri, ...args],
      {
        ...options,
        env: environment(),
      },
    );

  test("passes on input, output and exit code, and leaves neither container nor root", async () => {
    const args = [busybox, "--with", "docker", "--env", "A=b", "--user", "7:8", "--workdir", "/tmp"];
    const script = "cat; id -u; id -g; pwd; echo $A; exit 5";
    const { code, stdout } = await laminix([...args, "--", "sh", "-c", script], { input: "typed\n" });
    expect([code, stdout.toString()]).toEqual([5, "typed\n7\n8\n/tmp\nb\n"]);
    expect((await engine.docker(["ps", "--all", "--quiet"])).stdout.toString()).toBe("");
    expect(roots()).toEqual([]);
  });

  test("has the closure for reading only, and volumes", async () => {
    writeFileSync(folder.join("file"), "of this system\n");
    const volumes = ["--volume", `${folder.join("file")}:/volume/file:ro`, "--volume", `${folder.path}:/all`];
    const script = `cat ${data} /volume/file; echo x >${data}; echo x >/volume/file; echo made >/all/made`;
    const { stdout, stderr } = await laminix([
      busybox,
      "--with",
      "docker",
      ...volumes,
      "--",
      "sh",
      "-c",
      script,
    ]);
    expect(stdout.toString()).toBe("of the closure\nof this system\n");
    expect(stderr.match(/Read-only file system/g)).toHaveLength(2);
    expect(existsSync(folder.join("made"))).toBe(true);
  });

  test("holds the closure while it runs, also where laminix is killed", async () => {
    const args = ["run", busybox, "--store", daemon.uri, "--with", "docker", "--", "sleep", "600"];
    const started = startLaminix(args, { env: environment(), stdout: "pipe" });
    await expect.poll(() => roots().length, { timeout: 20_000 }).toBe(1);
    started.child.kill("SIGKILL");
    await started.ended;
    await store.collectGarbage();
    expect(await store.validPaths([busybox, data])).toHaveLength(2);
    const [id = ""] = roots();
    await engine.docker(["rm", "--force", id]);
    await laminix([busybox, "--with", "docker", "--", "true"]);
    expect(roots()).toEqual([]);
  });

  test("passes signals on", async () => {
    const script = 'trap "exit 9" TERM; echo up; while :; do sleep 0.1; done';
    const args = ["run", busybox, "--store", daemon.uri, "--with", "docker", "--", "sh", "-c", script];
    const started = startLaminix(args, { env: environment(), stdout: "pipe" });
    await once(started.child.stdout!, "data");
    started.child.kill("SIGTERM");
    expect(await started.ended).toEqual([9, null]);
  });

  test("tells of an engine that is not there, and of a store without a daemon", async () => {
    const nowhere = await laminix([busybox, "--with", "docker", "--host", "unix:///nowhere", "--", "true"]);
    expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringContaining("cannot be reached")]);
    const other = await failureOf(
      startInEngine(
        { name: "x", contents: [busybox] },
        {
          engine: "docker",
          command: ["true"],
          environment: environment(),
          store: { ...plain(store), url: "a file" },
        },
      ),
    );
    expect(other).toMatchObject({ code: "ERR_UNSUPPORTED" });
  });
});

/** A store that answers, and is nobody's daemon. */
function plain(
  store: NixStore,
): Pick<NixStore, "vouchesForHashes" | "storeDir" | "closure" | "pathFromHashPart" | "open"> {
  return {
    vouchesForHashes: true,
    storeDir: (options) => store.storeDir(options),
    closure: (paths, options) => store.closure(paths, options),
    pathFromHashPart: (hash, options) => store.pathFromHashPart(hash, options),
    open: (path) => store.open(path),
  };
}
