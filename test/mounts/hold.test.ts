import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  type ContainerHold,
  type HoldOptions,
  holdWhile,
  NixStore,
  sweepHeld,
  type StorePath,
  type SweepOptions,
  toStorePath,
} from "../../dist/index.js";
import { runMain } from "../cli/commandLine.js";
import { type OwnDockerEngine, startDockerEngine } from "../support/dockerEngine.js";
import { shellLayer } from "../support/engineImages.js";
import { failureOf } from "../support/failure.js";
import { answering, drop, FaultyProxy } from "../support/faultyProxy.js";
import { startNewerDocker } from "../support/newerDocker.js";
import { type NixStore as Daemon, startNixStore } from "../support/nixStore.js";
import { type PodmanEngine, startPodmanEngine } from "../support/podmanEngine.js";
import { describeWith, testWith } from "../support/requirements.js";
import { startLaminix } from "../support/started.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

interface Paths {
  readonly library: StorePath;
  /** Refers to the library. */
  readonly app: StorePath;
}

let daemon: Daemon;
let store: NixStore;
let folder: TemporaryFolder;
let permanent: TemporaryFolder;
/** Paths that other roots keep, for tests that collect no garbage of theirs. */
let app: StorePath;
let library: StorePath;
let paths = 0;
beforeAll(async () => {
  daemon = await startNixStore();
  store = new NixStore(daemon.uri);
  permanent = await temporaryFolder("kept");
  ({ app, library } = await newPaths());
  await store.addRoot(app, permanent.join("app"));
});
afterAll(async () => {
  await store.close();
  await daemon[Symbol.asyncDispose]();
  await permanent[Symbol.asyncDispose]();
});
beforeEach(async () => {
  folder = await temporaryFolder("hold");
});
afterEach(() => folder[Symbol.asyncDispose]());

async function newPaths(): Promise<Paths> {
  const number = paths++;
  const one = await daemon.addTextFile(`library-${number}`, "library");
  const other = await daemon.addTextFile(`app-${number}`, one, [one]);
  return { library: toStorePath(one), app: toStorePath(other) };
}

/** Which of the paths a collection leaves. */
async function afterCollecting({ app, library }: Paths): Promise<string[]> {
  await store.collectGarbage();
  const valid = await store.validPaths([app, library]);
  return [app, library].filter((path) => valid.includes(path));
}

const rootsOf = (engine: string, id: string): string => folder.join("roots", engine, id);

/** What another engine says of itself. */
const ANOTHER = '{"ID":"another","DockerRootDir":"/var/lib/docker"}';

const missing = "f".repeat(64);

describeWith(["dockerd", "busybox", "nix-daemon"], "roots for a container of Docker", () => {
  let engine: OwnDockerEngine;
  let line: FaultyProxy;
  beforeAll(async () => {
    engine = await startDockerEngine();
    await engine.docker(["import", "-", "shell"], { input: await shellLayer() });
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  beforeEach(async () => {
    line = await FaultyProxy.start(engine.socket);
  });
  afterEach(() => line[Symbol.asyncDispose]());

  const create = async (...args: readonly string[]): Promise<string> =>
    (await engine.docker(["create", "--network", "none", ...args, "shell", "/bin/sh", "-c", "true"])).stdout
      .toString()
      .trim();
  const remove = (id: string) => engine.docker(["rm", id]);
  const where = (): SweepOptions & { host: string; state: string } => ({
    host: engine.host,
    state: folder.path,
  });
  const hold = (container: string, options: Partial<HoldOptions> = {}): Promise<ContainerHold> =>
    holdWhile([app], { ...where(), container, store, ...options });
  /** Over a line that tests can disturb. */
  const throughLine = (): { host: string } => ({ host: `http://${line.host}` });

  test("keep the closure while the container runs and when it has stopped, and no longer than it exists", async () => {
    const id = await create("--name", "web");
    const fresh = await newPaths();
    const { app, library } = fresh;
    await using held = await holdWhile([app], { ...where(), container: "web", store });
    expect(held).toMatchObject({ container: id, name: "web", paths: [app] });
    expect(held.links.map((link) => readlinkSync(link))).toEqual([app]);
    expect(JSON.parse(readFileSync(`${rootsOf("docker", id)}/plan.json`, "utf8"))).toEqual({
      engine: "docker",
      host: engine.host,
      engineId: expect.stringMatching(/^\S+ \/\S+$/),
      container: id,
      name: "web",
      paths: [app],
      created: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    });
    expect(await afterCollecting(fresh)).toEqual([app, library]);
    await engine.docker(["start", "--attach", "web"]);
    expect(await afterCollecting(fresh)).toEqual([app, library]);
    await engine.docker(["rm", "web"]);
    await held.released;
    expect(existsSync(rootsOf("docker", id))).toBe(false);
    expect(await afterCollecting(fresh)).toEqual([]);
  });

  test("stay when they are held no more, and when nobody watches the removal: the next sweep releases them", async () => {
    const [gone, there] = [await create(), await create()];
    const fresh = await newPaths();
    const { app, library } = fresh;
    const holdFresh = (container: string) => holdWhile([app], { ...where(), container, store });
    for (const id of [gone, there]) await (await holdFresh(id)).close();
    await remove(gone);
    expect(existsSync(rootsOf("docker", gone))).toBe(true);
    const { released, kept } = await sweepHeld(where());
    expect(released).toMatchObject([{ engine: "docker", host: engine.host, container: gone, paths: [app] }]);
    expect(kept.map(({ container }) => container)).toEqual([there]);
    expect(existsSync(rootsOf("docker", gone))).toBe(false);
    expect(await afterCollecting(fresh)).toEqual([app, library]);
    await remove(there);
    expect((await sweepHeld(where())).kept).toEqual([]);
    expect(await afterCollecting(fresh)).toEqual([]);
  });

  test("of one container are released when another one is held", async () => {
    const [gone, there] = [await create(), await create()];
    await (await hold(gone)).close();
    await remove(gone);
    await (await hold(there)).close();
    expect(readdirSync(folder.join("roots/docker"))).toEqual([there]);
    await remove(there);
  });

  test("are released after the line broke, even where the removal was missed", async () => {
    const id = await create();
    await using held = await hold(id, throughLine());
    while (line.count(/ \/events/) === 0) await sleep(10);
    line.misbehave = drop;
    line.cut();
    await remove(id);
    while (line.count(/ \/containers\/[0-9a-f]+\/json/) < 4) await sleep(10);
    expect(existsSync(rootsOf("docker", id))).toBe(true);
    line.misbehave = () => false;
    await held.released;
    expect(existsSync(rootsOf("docker", id))).toBe(false);
  });

  test("are released once by an engine that was restarted", async () => {
    const [one, two] = [await create(), await create()];
    await using first = await hold(one);
    await using second = await hold(two);
    await engine.stop();
    await engine.start();
    await remove(one);
    await first.released;
    expect(existsSync(rootsOf("docker", one))).toBe(false);
    expect(existsSync(rootsOf("docker", two))).toBe(true);
    await remove(two);
    await second.released;
  });

  test("stay where another engine answers in place of theirs, and the watch says so", async () => {
    const id = await create();
    await using held = await hold(id, throughLine());
    line.misbehave = (request, response, proxy) => {
      const isInfo = request.url?.endsWith("/info") === true;
      const [status, body] = isInfo ? [200, ANOTHER] : [404, `{"message":"No such container: ${id}"}`];
      return answering(status, {}, body)(request, response, proxy);
    };
    line.cut();
    expect((await failureOf(held.released)).code).toBe("ERR_ENGINE");
    expect(existsSync(`${rootsOf("docker", id)}/0`)).toBe(true);
    await remove(id);
  });

  test("of several holds are released together; the newest link to a path is the one that is left", async () => {
    const id = await create();
    await using first = await hold(id);
    await using second = await holdWhile([`${library}/inside`, app], { ...where(), container: id, store });
    expect(readdirSync(rootsOf("docker", id)).sort()).toEqual(["1", "2", "plan.json"]);
    expect(second.links.map((link) => readlinkSync(link))).toEqual([library, app]);
    expect((await sweepHeld(where())).kept).toMatchObject([{ paths: [library, app] }]);
    await remove(id);
    await Promise.all([first.released, second.released]);
    expect(existsSync(rootsOf("docker", id))).toBe(false);
  });

  describe("are not made", () => {
    test.each(["nobody", "no/body", "..", ""])("for %j, which is no container", async (container) => {
      const error = await failureOf(hold(container));
      expect(error).toMatchObject({
        code: "ERR_NO_CONTAINER",
        details: { engine: "docker", host: engine.host, container },
        hint: "docker ps --all lists the containers that it has",
      });
      expect(existsSync(folder.join("roots"))).toBe(false);
    });

    test("for a container that is removed meanwhile", async () => {
      const id = await create();
      let asked = 0;
      line.misbehave = async (request) => {
        if (!request.url?.endsWith("/json") || ++asked !== 2) return false;
        expect(readdirSync(rootsOf("docker", id)).sort()).toEqual(["0", "plan.json"]);
        await remove(id);
        return false;
      };
      const error = await failureOf(hold(id, throughLine()));
      expect(error).toMatchObject({
        code: "ERR_NO_CONTAINER",
        message: expect.stringMatching(/has removed/),
      });
      expect(readdirSync(folder.join("roots/docker"))).toEqual([]);
    });

    test("of paths that are not valid, and what was held before stays", async () => {
      const id = await create();
      const wrong = [app, daemon.pathFor("missing")];
      const attempt = () => failureOf(holdWhile(wrong, { ...where(), container: id, store }));
      expect((await attempt()).code).toBe("ERR_PATH_NOT_VALID");
      expect(existsSync(folder.join("roots"))).toBe(false);
      await using held = await hold(id);
      expect((await attempt()).code).toBe("ERR_PATH_NOT_VALID");
      expect(held.links.map((link) => readlinkSync(link))).toEqual([app]);
      await remove(id);
      await held.released;
    });

    test("where the engine fails while they are made", async () => {
      const id = await create();
      let asked = 0;
      line.misbehave = (request, response, proxy) =>
        request.url?.endsWith("/json") && ++asked === 2
          ? answering(500, {}, '{"message":"enough"}')(request, response, proxy)
          : false;
      expect((await failureOf(hold(id, throughLine()))).code).toBe("ERR_ENGINE");
      expect(readdirSync(folder.join("roots/docker"))).toEqual([]);
      await remove(id);
    });

    test("in a place that is a link", async () => {
      const id = await create();
      mkdirSync(folder.join("roots/docker"), { recursive: true });
      mkdirSync(folder.join("elsewhere"));
      symlinkSync(folder.join("elsewhere"), rootsOf("docker", id));
      expect((await failureOf(hold(id))).code).toBe("ERR_FILE_WRITE");
      expect(readdirSync(folder.join("elsewhere"))).toEqual([]);
      await remove(id);
    });

    test.each<[string, unknown, object]>([
      ["paths", [], { container: "x" }],
      ["paths", "/nix/store", { container: "x" }],
      ["options.container", ["x"], {}],
      ["options.engine", ["x"], { container: "x", engine: "lxc" }],
      ["options.store", ["x"], { container: "x", store: {} }],
      ["options.state", ["x"], { container: "x", state: 1 }],
    ])("for wrong arguments: %s", async (argument, what, options) => {
      const error = await failureOf(holdWhile(what as string[], options as HoldOptions));
      expect(error).toMatchObject({ code: "ERR_ARGUMENT", details: { argument } });
    });
  });

  describe("the sweep releases nothing", () => {
    let id: string;
    beforeEach(async () => {
      id = await create();
      await (await hold(id, throughLine())).close();
      await remove(id);
    });
    const sweep = (): ReturnType<typeof sweepHeld> => sweepHeld({ ...where(), ...throughLine() });
    const expectHeld = (): void => {
      expect(readdirSync(rootsOf("docker", id)).sort()).toEqual(["0", "plan.json"]);
    };

    test("where the engine does not answer", async () => {
      line.misbehave = drop;
      expect((await failureOf(sweep())).code).toBe("ERR_ENGINE_UNREACHABLE");
      expectHeld();
    });

    test.each<[string, RegExp, number, string]>([
      ["its list is none", /all=1/, 200, "{}"],
      ["its list has what is no container", /all=1/, 200, '[{"Id":"../.."}]'],
      ["something else answers that there is no such thing", /json$/, 404, "<html>404 Not Found</html>"],
      ["it refuses", /all=1/, 403, '{"message":"no"}'],
    ])("where %s", async (_, what, status, body) => {
      line.misbehave = (request, response, proxy) =>
        what.test(request.url ?? "") ? answering(status, {}, body)(request, response, proxy) : false;
      expect((await failureOf(sweep())).code).toBe("ERR_ENGINE");
      expectHeld();
    });

    test("of another host's containers", async () => {
      const { released, kept } = await sweepHeld(where());
      expect([released, kept.map(({ container }) => container)]).toEqual([[], [id]]);
      expectHeld();
    });

    test("of an engine that another one answers in place of", async () => {
      line.misbehave = (request, response, proxy) =>
        request.url?.endsWith("/info") ? answering(200, {}, ANOTHER)(request, response, proxy) : false;
      const { released, kept } = await sweep();
      expect([released, kept.map(({ container }) => container)]).toEqual([[], [id]]);
      expectHeld();
    });

    test("that is not its own, and follows no link", async () => {
      const own = rootsOf("docker", id);
      writeFileSync(`${own}/notes`, "mine");
      symlinkSync("/etc/hostname", `${own}/7`);
      symlinkSync(app, `${own}/result`);
      const link = rootsOf("docker", missing);
      renameSync(own, folder.join("moved"));
      symlinkSync(folder.join("moved"), link);
      expect(await sweep()).toEqual({ released: [], kept: [] });
      renameSync(folder.join("moved"), own);
      expect((await sweep()).released).toHaveLength(1);
      expect(readdirSync(own).sort()).toEqual(["7", "notes", "result"]);
      expect(lstatSync(link).isSymbolicLink()).toBe(true);
    });
  });

  test("without any container to ask for, the sweep asks nobody", async () => {
    expect(await sweepHeld({ host: `unix://${folder.join("none")}`, state: folder.path })).toEqual({
      released: [],
      kept: [],
    });
  });

  describe("an abort", () => {
    const reason = new Error("enough");

    test("ends the watch, and the roots stay", async () => {
      const id = await create();
      const controller = new AbortController();
      const held = await hold(id, { ...throughLine(), signal: controller.signal });
      while (line.count(/ \/events/) === 0) await sleep(10);
      controller.abort(reason);
      await expect(held.released).rejects.toBe(reason);
      await held.close();
      expect(existsSync(`${rootsOf("docker", id)}/0`)).toBe(true);
      await remove(id);
    });

    test("ends one that waits for its engine", async () => {
      const id = await create();
      const controller = new AbortController();
      const held = await hold(id, { ...throughLine(), signal: controller.signal });
      line.misbehave = drop;
      line.cut();
      const before = line.seen.length;
      while (line.seen.length === before) await sleep(10);
      controller.abort(reason);
      await expect(held.released).rejects.toBe(reason);
      await remove(id);
    });

    test("while roots are made leaves none", async () => {
      const id = await create();
      const controller = new AbortController();
      let asked = 0;
      line.misbehave = (request) => {
        if (request.url?.endsWith("/json") && ++asked === 2) controller.abort(reason);
        return false;
      };
      await expect(hold(id, { ...throughLine(), signal: controller.signal })).rejects.toBe(reason);
      expect(readdirSync(folder.join("roots/docker"))).toEqual([]);
      await expect(hold(id, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      await expect(sweepHeld({ ...where(), signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      await remove(id);
    });
  });

  test("close rejects what waits for the release", async () => {
    const id = await create();
    const held = await hold(id);
    const waiting = failureOf(held.released);
    await held.close();
    await held.close();
    expect((await waiting).code).toBe("ERR_CLOSED");
    await remove(id);
  });

  describe("laminix hold", () => {
    const environment = (): Record<string, string> => ({
      XDG_STATE_HOME: folder.path,
      DOCKER_HOST: engine.host,
    });
    const links = (id: string): string => folder.join("laminix/roots/docker", id);
    const laminix = async (...argv: string[]) => {
      const run = await runMain(["hold", "--store", daemon.uri, ...argv], { environment: environment() });
      return { ...run, stdout: run.stdout.toString() };
    };

    test("prints the roots, and --sweep what it has released", async () => {
      const id = await create("--name", "site");
      symlinkSync(app, folder.join("result"));
      expect(await laminix("site", folder.join("result"))).toEqual({
        code: 0,
        stdout: `${links(id)}/0\n`,
        stderr: "",
      });
      const json = JSON.parse((await laminix("site", library, "--json")).stdout);
      const held = { container: id, name: "site", paths: [library], links: [`${links(id)}/1`] };
      expect(json).toEqual({ ...held, warnings: [] });
      expect((await laminix("--sweep")).stdout).toBe("");
      await remove(id);
      expect(JSON.parse((await laminix("--sweep", "--json")).stdout)).toMatchObject({
        released: [{ engine: "docker", container: id, name: "site", paths: [app, library] }],
        kept: [],
      });
      expect(existsSync(links(id))).toBe(false);
    });

    test("--watch stays until the container is removed; an interrupt leaves the roots", async () => {
      const id = await create();
      const args = ["hold", id, app, "--watch", "--store", daemon.uri];
      const begun = async (): Promise<ReturnType<typeof startLaminix>> => {
        const started = startLaminix(args, { env: environment(), stdout: "pipe" });
        await new Promise((resolve) => started.child.stdout?.once("data", resolve));
        return started;
      };
      await using interrupted = await begun();
      interrupted.child.kill("SIGINT");
      expect(await interrupted.ended).toEqual([130, null]);
      expect(existsSync(`${links(id)}/0`)).toBe(true);
      await using killed = await begun();
      killed.child.kill("SIGKILL");
      await killed.ended;
      await using watching = await begun();
      await remove(id);
      expect([await watching.ended, watching.stderr()]).toEqual([[0, null], ""]);
      expect(existsSync(links(id))).toBe(false);
    });

    test.each<[string[], number, RegExp]>([
      [[], 2, /CONTAINER is missing/],
      [["x"], 2, /PATH is missing/],
      [["x", "--sweep"], 2, /--sweep takes no CONTAINER/],
      [["--sweep", "--watch"], 2, /--watch does not go with --sweep/],
      [["--sweep", "--graph", "x"], 2, /--graph has no effect here/],
      [["nobody", "PATH"], 1, /has no container nobody\nhint: docker ps --all/],
      [["nobody", "PATH", "--host", "unix:///nowhere.sock"], 1, /cannot be reached.*\nhint: start it/],
    ])("%j ends with %i and a message", async (argv, code, message) => {
      const run = await laminix(...argv.map((arg) => (arg === "PATH" ? app : arg)));
      expect(run).toMatchObject({ code, stdout: "", stderr: expect.stringMatching(message) });
    });
  });
});

testWith(
  ["dockerTrixie", "busybox", "nix-daemon"],
  "roots for a container of a newer Docker go with it",
  async () => {
    await using engine = await startNewerDocker("docker");
    const { docker, host } = engine;
    await docker(["import", "-", "shell"], { input: await shellLayer() });
    const id = (await docker(["create", "--network", "none", "shell", "/bin/sh"])).stdout.toString().trim();
    await using held = await holdWhile([app], { host, container: id, store, state: folder.path });
    expect((await sweepHeld({ host, state: folder.path })).kept).toMatchObject([{ container: id }]);
    await docker(["rm", id]);
    await held.released;
    expect(existsSync(rootsOf("docker", id))).toBe(false);
  },
);

describeWith(["podman", "busybox", "nix-daemon"], "roots for a container of podman", () => {
  const where = (engine: PodmanEngine) =>
    ({ engine: "podman", host: engine.host, state: folder.path }) as const;
  /** A container that is there without ever having run. */
  const create = async ({ podman }: PodmanEngine): Promise<string> => {
    const args = ["create", "--network", "none", "--rootfs", folder.path, "/bin/true"];
    return (await podman(args)).stdout.toString().trim();
  };

  test.each(["file", "none"] as const)(
    "keep the closure until it is removed, with events in: %s",
    async (events) => {
      await using engine = await startPodmanEngine({ events });
      const id = await create(engine);
      const fresh = await newPaths();
      const { app, library } = fresh;
      await using held = await holdWhile([app], { ...where(engine), container: id.slice(0, 12), store });
      expect(held.container).toBe(id);
      expect(await afterCollecting(fresh)).toEqual([app, library]);
      await engine.podman(["rm", id]);
      await held.released;
      expect(existsSync(rootsOf("podman", id))).toBe(false);
      expect(await afterCollecting(fresh)).toEqual([]);
    },
  );

  test("are released by the sweep", async () => {
    await using engine = await startPodmanEngine();
    const [gone, there] = [await create(engine), await create(engine)];
    for (const container of [gone, there])
      await (await holdWhile([app], { ...where(engine), container, store })).close();
    await engine.podman(["rm", gone]);
    const { released, kept } = await sweepHeld(where(engine));
    expect([released, kept].map((each) => each.map(({ container }) => container))).toEqual([[gone], [there]]);
    await expect(holdWhile([app], { ...where(engine), container: gone, store })).rejects.toMatchObject({
      code: "ERR_NO_CONTAINER",
      hint: "podman ps --all lists the containers that it has",
    });
  });
});
