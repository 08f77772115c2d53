import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import nodePath from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type Closure, NixStore, openStore, type PathInfo, type StorePath } from "../../dist/index.js";
import { debianClosure, smallPackages } from "../support/debianStore.js";
import { type NixStore as TestStore, startNixStore } from "../support/nixStore.js";
import { describeWith, testWith } from "../support/requirements.js";
import { laminix } from "../support/run.js";
import { becomeNobody, runScript } from "../support/script.js";
import { startLaminix, unreadPipe } from "../support/started.js";
import { temporaryFolder } from "../support/temporary.js";

/** Nothing that tells where a store or a daemon is. */
const nothing = {
  NIX_REMOTE: undefined,
  NIX_STORE_DIR: undefined,
  NIX_STORE: undefined,
  NIX_STATE_DIR: undefined,
  NIX_DAEMON_SOCKET_PATH: undefined,
  LIX_DAEMON_SOCKET_DIR: undefined,
};
const neverThere = `${"0".repeat(32)}-never`;

beforeAll(() => {
  for (const name of Object.keys(nothing)) vi.stubEnv(name, undefined);
});
afterAll(() => {
  vi.unstubAllEnvs();
});

const lines = (output: Buffer): string[] => output.toString().split("\n").filter(Boolean);

function expectDependenciesFirst(closure: Closure): void {
  const seen = new Set<string>();
  for (const { path, references } of closure) {
    const later = references.filter((reference) => reference !== path && !seen.has(reference));
    expect(later, `${path} comes before what it references`).toEqual([]);
    seen.add(path);
  }
}

/** What `nix path-info -r --json` says, by path; a list until Nix 2.18, an object since then. */
async function pathInfos(
  store: TestStore,
  paths: readonly string[],
): Promise<Map<string, Partial<PathInfo>>> {
  const { stdout } = await store.run("nix", ["path-info", "--recursive", "--json", ...paths]);
  const document = JSON.parse(stdout.toString()) as PathInfo[] | Record<string, Omit<PathInfo, "path">>;
  const infos = Array.isArray(document)
    ? document
    : Object.entries(document).map(([path, info]) => ({ ...info, path: path as StorePath }));
  return new Map(infos.map((info) => [info.path, normalised(info)]));
}

/** Sets are compared as sets; Nix leaves out, or sets to null, what does not hold. */
function normalised(info: Partial<PathInfo>): Partial<PathInfo> {
  const { references = [], signatures = [], ultimate = false, deriver, ca } = info;
  const { path, narHash, narSize, registrationTime } = info as PathInfo;
  return {
    ...{ path, narHash, narSize, registrationTime, ultimate },
    references: references.toSorted(),
    signatures: signatures.toSorted(),
    ...(deriver && { deriver }),
    ...(ca && { ca }),
  };
}

/** A path that was really built, so that it has a deriver and is ultimate, with a text and a folder it refers to. */
async function buildSomething(store: TestStore): Promise<string> {
  const expression = `
    let text = builtins.toFile "text" "some text";
        library = derivation {
          name = "library"; system = builtins.currentSystem; builder = "/bin/sh";
          args = [ "-c" "echo \${text} > $out" ];
        };
    in derivation {
      name = "program"; system = builtins.currentSystem; builder = "/bin/sh";
      args = [ "-c" "echo \${library} $out > $out" ];
    }`;
  const { stdout } = await store.run("nix-build", ["--no-out-link", "--expr", expression]);
  return stdout.toString().trim();
}

describeWith(
  ["nix-daemon", "nix-store", "nix", "python3", "apt-get", "dpkg-deb"],
  "a closure of packages",
  () => {
    let daemon: TestStore;
    let roots: readonly string[];
    let closure: Closure;
    let store: NixStore;
    beforeAll(async () => {
      const debian = await debianClosure(smallPackages);
      ({ roots } = debian);
      daemon = await startNixStore({ at: debian.root });
      store = await openStore(daemon.uri);
      closure = await store.closure(roots);
    });
    afterAll(async () => {
      await store.close();
      await daemon[Symbol.asyncDispose]();
    });

    test("is what nix-store says it is, each path after all that it references", async () => {
      const { stdout } = await daemon.run("nix-store", ["--query", "--requisites", ...roots]);
      expect([...closure.paths].sort()).toEqual(lines(stdout).sort());
      expect(closure.size).toBeGreaterThan(10);
      expectDependenciesFirst(closure);
    });

    test("knows of every path what nix path-info does", async () => {
      const expected = await pathInfos(daemon, roots);
      expect(new Map([...closure].map((info) => [info.path as string, normalised(info)]))).toEqual(expected);
      expect(closure.narSize).toBe([...expected.values()].reduce((sum, { narSize = 0 }) => sum + narSize, 0));
    });

    test("knows references and referrers as nix-store does", async () => {
      for (const path of [roots[0]!, closure.paths[0]!]) {
        const references = await daemon.run("nix-store", ["--query", "--references", path]);
        expect(closure.references(path).sort()).toEqual(lines(references.stdout).sort());
      }
      const { stdout } = await daemon.run("nix-store", ["--query", "--referrers", closure.paths[0]!]);
      const inClosure = lines(stdout).filter((path) => closure.has(path));
      expect(closure.referrers(closure.paths[0]!).sort()).toEqual(inClosure.sort());
    });

    test("agrees with what single questions say", async () => {
      const infos = await Promise.all(closure.paths.map((path) => store.pathInfo(path)));
      expect(infos.map((info) => normalised(info!))).toEqual([...closure].map(normalised));
      expect(await Promise.all(closure.paths.map((path) => store.isValidPath(path)))).not.toContain(false);
      const all = await store.allValidPaths();
      expect(closure.paths.filter((path) => !all.includes(path))).toEqual([]);
    });

    test("is the same from a script that opens no store", async () => {
      const script = `
      const closure = await laminix.nixStore.closure(${JSON.stringify(roots)});
      print({ storeDir: await laminix.nixStore.storeDir(), paths: closure.paths });`;
      const result = await runScript(script, { env: { ...nothing, NIX_REMOTE: daemon.uri } });
      expect(result.stderr).toBe("");
      expect(JSON.parse(result.stdout.toString())).toEqual({
        storeDir: daemon.storeDir,
        paths: closure.paths,
      });
    });

    test("is printed by the command line, one path a line, and in full as JSON", async () => {
      const env = { LAMINIX_CACHE_DIR: "/nonexistent" };
      const plain = await laminix(["closure", "--store", daemon.uri, ...roots], { env });
      expect(lines(plain.stdout)).toEqual(closure.paths);
      const json = await laminix(["closure", "--store", daemon.uri, "--json", ...roots], { env });
      expect(JSON.parse(json.stdout.toString())).toEqual([...closure]);
    });
  },
);

describeWith(["nix-daemon", "nix", "nix-store"], "a store", () => {
  let daemon: TestStore;
  beforeAll(async () => {
    daemon = await startNixStore();
  });
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  test("tells derivers, signatures, content addresses and what was built here", async () => {
    await using folder = await temporaryFolder();
    const program = await buildSomething(daemon);
    const key = (await daemon.run("nix", ["key", "generate-secret", "--key-name", "test-1"])).stdout;
    writeFileSync(folder.join("key"), key);
    await daemon.run("nix", ["store", "sign", "--key-file", folder.join("key"), program], {
      env: { NIX_REMOTE: "local" },
    });

    await using store = await openStore(daemon.uri);
    const closure = await store.closure(program);
    const expected = await pathInfos(daemon, [program]);
    expect(new Map([...closure].map((info) => [info.path as string, normalised(info)]))).toEqual(expected);
    expect(closure.get(program)).toMatchObject({
      deriver: expect.stringMatching(/-program\.drv$/) as string,
      ultimate: true,
      signatures: [expect.stringMatching(/^test-1:/) as string],
    });
    expect(closure.references(program)).toContain(program);
    const text = closure.paths.find((path) => path.endsWith("-text"))!;
    expect(closure.get(text)?.ca).toMatch(/^text:sha256:/);
    expect(normalised((await store.pathInfo(program))!)).toEqual(expected.get(program));
    expect(normalised((await store.pathInfo(text))!)).toEqual(expected.get(text));
  });

  test("finds a path by its hash, and says no to one that is not there", async () => {
    const path = await daemon.addTextFile("by-hash", "text");
    await using store = await openStore(daemon.uri);
    const hash = path.slice(daemon.storeDir.length + 1).slice(0, 32);
    expect(await store.pathFromHashPart(hash)).toBe(path);
    expect(await store.pathFromHashPart("0".repeat(32))).toBeUndefined();
    expect(await store.isValidPath(`${daemon.storeDir}/${neverThere}`)).toBe(false);
    expect(await store.pathInfo(`${daemon.storeDir}/${neverThere}`)).toBeUndefined();
    await expect(store.pathFromHashPart("short")).rejects.toMatchObject({ code: "ERR_STORE_PATH" });
    await expect(store.closure(`${daemon.storeDir}/${neverThere}`)).rejects.toMatchObject({
      code: "ERR_PATH_NOT_VALID",
      details: { path: `${daemon.storeDir}/${neverThere}` },
    });
    // Whatever went wrong before, the next answer belongs to the next question.
    expect(await store.isValidPath(path)).toBe(true);
  });

  test("takes a path inside a store path for the store path", async () => {
    const path = await daemon.addTree("tree", (place) => writeFolder(place, "bin/tool"));
    await using store = await openStore(daemon.uri);
    const inside = `${path}/bin/../bin//tool`;
    expect((await store.closure(inside)).paths).toEqual([path]);
    expect(await store.isValidPath(inside)).toBe(true);
    expect((await store.pathInfo(inside))?.path).toBe(path);
    const { stdout } = await laminix(["closure", "--store", daemon.uri, inside]);
    expect(lines(stdout)).toEqual([path]);
  });

  test("says of itself what the daemon said", async () => {
    await using store = await openStore(daemon.uri);
    const info = await store.info();
    const [, version] = /(\d+\.\d+(?:\.\d+)?)/.exec(
      (await daemon.run("nix-daemon", ["--version"])).stdout.toString(),
    )!;
    expect(info).toMatchObject({ url: daemon.uri, storeDir: daemon.storeDir, features: [] });
    expect(info.version).toContain(version);
    expect(info.protocol).toMatch(/^1\.3[2-8]$/);
    const { stdout } = await laminix(["store", "--store", daemon.uri, "--json"]);
    expect(JSON.parse(stdout.toString())).toEqual({ ...info, warnings: [] });
  });

  test("rejects with the reason of an abort and stays usable", async () => {
    const path = await daemon.addTextFile("abort", "text");
    await using store = await openStore(daemon.uri);
    const reason = new Error("changed my mind");
    await expect(store.closure(path, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    for (const ask of [
      (signal: AbortSignal) => store.closure(path, { signal }),
      (signal: AbortSignal) => store.allValidPaths({ signal }),
      (signal: AbortSignal) => store.tempRoots([path], { signal }),
      (signal: AbortSignal) => openStore(daemon.uri, { signal }),
    ]) {
      const controller = new AbortController();
      const asked = ask(controller.signal);
      controller.abort(reason);
      await expect(asked).rejects.toBe(reason);
    }
    expect((await store.closure(path)).paths).toEqual([path]);
  });

  test("is not aborted for one caller because another gave up", async () => {
    const path = await daemon.addTextFile("two-callers", "text");
    await using store = new NixStore(daemon.uri);
    const controller = new AbortController();
    const impatient = store.closure(path, { signal: controller.signal });
    const patient = store.closure(path);
    controller.abort(new Error("no time"));
    await expect(impatient).rejects.toThrow("no time");
    expect((await patient).paths).toEqual([path]);
  });

  test("can be closed again, and answers nothing after that", async () => {
    const store = await openStore(daemon.uri);
    await store.close();
    await store.close();
    await expect(store.storeDir()).rejects.toMatchObject({ code: "ERR_CLOSED" });
    await expect(store.closure(`${daemon.storeDir}/${neverThere}`)).rejects.toMatchObject({
      code: "ERR_CLOSED",
    });
    await new NixStore(daemon.uri).close();
  });

  test("answers a hundred questions asked at once, each with its own answer", async () => {
    const paths = await Promise.all(
      Array.from({ length: 5 }, (_, i) => daemon.addTextFile(`many-${i}`, "x".repeat(i))),
    );
    await using store = await openStore(daemon.uri);
    const asked = Array.from({ length: 100 }, (_, i) => paths[i % 5]!);
    const infos = await Promise.all(asked.map((path) => store.pathInfo(path)));
    expect(infos.map((info) => info?.path)).toEqual(asked);
    expect(new Set(infos.map((info) => info?.narHash)).size).toBe(5);
  });

  test("connects anew after the daemon was started anew", async () => {
    const path = await daemon.addTextFile("restart", "text");
    await using store = await openStore(daemon.uri);
    await daemon.stopDaemon();
    try {
      await expect(store.isValidPath(path)).rejects.toMatchObject({ code: "ERR_NO_DAEMON" });
    } finally {
      await daemon.startDaemon();
    }
    expect(await store.isValidPath(path)).toBe(true);
    await daemon.startDaemon();
    expect((await store.closure(path)).paths).toEqual([path]);
  });
});

describeWith(["nix-daemon", "nix-store"], "the store directory", () => {
  test("is learned from a daemon elsewhere when nothing in the environment tells", async () => {
    await using daemon = await startNixStore();
    const path = await daemon.addTextFile("text", "text");
    await using store = await openStore(daemon.uri);
    expect(await store.storeDir()).toBe(daemon.storeDir);
    expect(await store.allValidPaths()).toEqual([path]);
    const script = `print([await laminix.nixStore.storeDir(), (await laminix.nixStore.closure(${JSON.stringify(path)})).paths]);`;
    const result = await runScript(script, { env: { ...nothing, NIX_REMOTE: daemon.uri } });
    expect(JSON.parse(result.stdout.toString())).toEqual([daemon.storeDir, [path]]);
    const printed = await laminix(["store", "--json"], { env: { ...nothing, NIX_REMOTE: daemon.uri } });
    expect(JSON.parse(printed.stdout.toString())).toMatchObject({ storeDir: daemon.storeDir });
  });

  testWith(["root"], "is learned by an ordinary user too", async () => {
    await using daemon = await startNixStore();
    const path = await daemon.addTextFile("text", "text");
    const script = `${becomeNobody}
      const { nixStore } = laminix;
      const storeDir = await nixStore.storeDir();
      const held = await nixStore.tempRoots([${JSON.stringify(path)}]);
      await held.close();
      print({ uid: process.getuid(), storeDir, paths: (await nixStore.closure(${JSON.stringify(path)})).paths });`;
    const result = await runScript(script, { env: { ...nothing, NIX_REMOTE: daemon.uri } });
    expect(result.stderr).toBe("");
    expect(JSON.parse(result.stdout.toString())).toEqual({
      uid: 65534,
      storeDir: daemon.storeDir,
      paths: [path],
    });
  });

  testWith(["root"], "is learned from the daemon of an ordinary user", async () => {
    await using daemon = await startNixStore({ user: 65534 });
    const path = await daemon.addTextFile("text", "text");
    const script = `${becomeNobody}
      print([await laminix.nixStore.storeDir(), (await laminix.nixStore.closure(${JSON.stringify(path)})).paths]);`;
    const result = await runScript(script, { env: { ...nothing, NIX_REMOTE: daemon.uri } });
    expect(result.stderr).toBe("");
    expect(JSON.parse(result.stdout.toString())).toEqual([daemon.storeDir, [path]]);
  });

  test("is what the daemon says, whatever the environment believes", async () => {
    await using daemon = await startNixStore();
    const path = await daemon.addTextFile("text", "text");
    vi.stubEnv("NIX_STORE_DIR", "/some/other/store");
    try {
      await using store = await openStore(daemon.uri);
      expect(await store.storeDir()).toBe(daemon.storeDir);
      expect((await store.closure(path)).paths).toEqual([path]);
    } finally {
      vi.stubEnv("NIX_STORE_DIR", undefined);
    }
  });

  test("is a name only where the files are elsewhere, and the URL says where", async () => {
    await using daemon = await startNixStore({ storeDir: "/nix/store" });
    await using folder = await temporaryFolder();
    const path = await daemon.addTree("logical", (place) => writeFolder(place, "share/file"));
    await using store = await openStore(`${daemon.uri}?real=${daemon.realStoreDir}`);
    expect(await store.storeDir()).toBe("/nix/store");
    const { paths } = await store.closure(path);
    expect(paths).toEqual([path]);
    expect(await store.open(paths[0]!)).toEqual({ disk: daemon.realPath(path) });
    expect(readFileSync(`${store.realPath(path)}/share/file`, "utf8")).toBe("share/file\n");
    await using rooted = await openStore(`${daemon.uri}?root=${daemon.root}`);
    expect(rooted.realPath(`${path}/share`)).toBe(daemon.realPath(path));

    await using blind = await openStore(daemon.uri);
    expect(() => blind.realPath(path)).toThrow(expect.objectContaining({ code: "ERR_PATH_NOT_ON_DISK" }));
    expect(await blind.open(paths[0]!)).toMatchObject({ narSize: (await blind.pathInfo(path))!.narSize });
    const output = folder.join("image.tar");
    const env = { LAMINIX_CACHE_DIR: folder.join("cache") };
    const built = await laminix(["build", "--store", store.url, "-o", output, path], { env });
    expect(built.stderr).not.toContain("laminix:");
    expect(built.code).toBe(0);
  });

  test("is unknown in an empty store elsewhere, unless the URL or the environment tells", async () => {
    await using daemon = await startNixStore();
    await expect(openStore(daemon.uri)).rejects.toMatchObject({
      code: "ERR_STORE_DIR_UNKNOWN",
      hint: expect.stringContaining("?store=") as string,
    });
    await using told = await openStore(`${daemon.uri}?store=${daemon.storeDir}`);
    expect(await told.storeDir()).toBe(daemon.storeDir);
    expect(await told.allValidPaths()).toEqual([]);
    vi.stubEnv("NIX_STORE_DIR", daemon.storeDir);
    try {
      await using fromEnvironment = await openStore(daemon.uri);
      expect(await fromEnvironment.storeDir()).toBe(daemon.storeDir);
    } finally {
      vi.stubEnv("NIX_STORE_DIR", undefined);
    }
  });

  test("is found in a store that was empty when it was first asked", async () => {
    await using daemon = await startNixStore();
    await using store = new NixStore(daemon.uri);
    await expect(store.storeDir()).rejects.toMatchObject({ code: "ERR_STORE_DIR_UNKNOWN" });
    await daemon.addTextFile("text", "text");
    expect(await store.storeDir()).toBe(daemon.storeDir);
  });

  test("is /nix/store in an empty store there", async () => {
    await using daemon = await startNixStore({ storeDir: "/nix/store" });
    await using store = await openStore(daemon.uri);
    expect(await store.storeDir()).toBe("/nix/store");
  });
});

describeWith(["nix-daemon", "nix-store", "linux"], "with no daemon listening", () => {
  test("a nix-daemon is started, asked over pipes, and ended with the store", async () => {
    await using daemon = await startNixStore();
    const path = await daemon.addTextFile("text", "text");
    await daemon.stopDaemon();
    const script = `
      import { readFileSync, readdirSync } from "node:fs";
      const read = (pid, file) => {
        try {
          return readFileSync("/proc/" + pid + "/" + file, "utf8");
        } catch {
          return "";
        }
      };
      const isMine = (pid) => read(pid, "status").includes("\\nPPid:\\t" + process.pid + "\\n");
      const children = () =>
        readdirSync("/proc").filter(isMine).map((pid) => read(pid, "cmdline").split("\\0").filter(Boolean));
      const store = await laminix.openStore("auto");
      const { paths } = await store.closure(${JSON.stringify(path)});
      const storeDir = await store.storeDir();
      const during = children();
      await store.close();
      while (children().length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
      print({ paths, storeDir, during });`;
    const result = await runScript(script, { env: { ...daemon.env, NIX_REMOTE: undefined } });
    expect(result.stderr).toBe("");
    expect(JSON.parse(result.stdout.toString())).toEqual({
      paths: [path],
      storeDir: daemon.storeDir,
      during: [["nix-daemon", "--stdio"]],
    });
  });

  test("an ordinary error tells what was tried where there is no nix-daemon either", async () => {
    await using folder = await temporaryFolder();
    const env = { ...nothing, NIX_STATE_DIR: folder.path, PATH: folder.path };
    const result = await laminix(["store", "--json"], { env });
    expect(result.code).toBe(1);
    const { error } = JSON.parse(result.stderr) as { error: { code: string; message: string } };
    expect(error.code).toBe("ERR_NO_DAEMON");
    expect(error.message).toContain(folder.join("daemon-socket/socket"));
    expect(error.message).toContain("nix-daemon");
  });
});

describeWith(["nix-daemon", "nix-store", "linux"], "temporary roots", () => {
  let daemon: TestStore;
  let store: NixStore;
  beforeAll(async () => {
    daemon = await startNixStore();
    await daemon.addTextFile("something-else", "so that the store is never empty");
    store = await openStore(daemon.uri);
  });
  afterAll(async () => {
    await store.close();
    await daemon[Symbol.asyncDispose]();
  });

  const collect = async (): Promise<void> => {
    await daemon.run("nix-store", ["--gc"]);
  };
  const isThere = (path: string): boolean => existsSync(path);
  /** A path with one that it references. */
  const addPair = async (name: string): Promise<[string, string]> => {
    const library = await daemon.addTextFile(`${name}-library`, "a library");
    return [await daemon.addTextFile(name, library, [library]), library];
  };
  /** The process that the daemon has made for each connection. */
  const connectionsOf = (pid: number): number[] =>
    readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);

  test("keep paths and what they reference until they are given up", async () => {
    const pair = await addPair("kept");
    const roots = await store.tempRoots([pair[0]]);
    await collect();
    expect(pair.map(isThere)).toEqual([true, true]);
    await roots.check();
    await roots.close();
    await roots.close();
    await vi.waitFor(async () => {
      await collect();
      expect(pair.map(isThere)).toEqual([false, false]);
    }, 60_000);
    await expect(roots.check()).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });

  test("do not depend on the store's own connection", async () => {
    const pair = await addPair("own-connection");
    const other = await openStore(daemon.uri);
    await using roots = await other.tempRoots([pair[0]]);
    await other.close();
    await collect();
    expect(pair.map(isThere)).toEqual([true, true]);
    await roots.check();
  });

  test("are refused for a path that is not there to be kept", async () => {
    await expect(store.tempRoots([`${daemon.storeDir}/${neverThere}`])).rejects.toMatchObject({
      code: "ERR_PATH_NOT_VALID",
    });
  });

  test("are taken again when their connection is killed", async () => {
    const pair = await addPair("taken-again");
    const before = connectionsOf(daemon.daemonPid);
    await using roots = await store.tempRoots([pair[0]]);
    const mine = connectionsOf(daemon.daemonPid).filter((pid) => !before.includes(pid));
    expect(mine).toHaveLength(1);
    process.kill(mine[0]!, "SIGKILL");
    // Right away, when this process may not even have heard of it.
    await roots.check();
    await collect();
    expect(pair.map(isThere)).toEqual([true, true]);
    await roots.check();
  });

  test("are taken again by themselves, asked or not", async () => {
    const pair = await addPair("by-themselves");
    const before = connectionsOf(daemon.daemonPid);
    await using roots = await store.tempRoots([pair[0]]);
    const mine = connectionsOf(daemon.daemonPid).filter((pid) => !before.includes(pid));
    process.kill(mine[0]!, "SIGKILL");
    await vi.waitFor(() => {
      const now = connectionsOf(daemon.daemonPid).filter((pid) => !before.includes(pid));
      expect(now).toHaveLength(1);
      expect(now).not.toEqual(mine);
    }, 60_000);
    // The root is held a moment after the connection is there.
    await sleep(200);
    await collect();
    expect(pair.map(isThere)).toEqual([true, true]);
    await roots.check();
  });

  test("notice that a path was collected while there was nobody to hold it", async () => {
    const [path] = await addPair("lost");
    await using roots = await store.tempRoots([path]);
    await daemon.stopDaemon();
    await daemon.run("nix-store", ["--delete", path], { env: { NIX_REMOTE: "local" } });
    await daemon.startDaemon();
    await expect(roots.check()).rejects.toMatchObject({ code: "ERR_PATH_NOT_VALID", details: { path } });
  });

  test("hold an image's paths while the image is read", async () => {
    await using folder = await temporaryFolder();
    using pipe = await unreadPipe(folder.join("pipe"));
    const path = await daemon.addTree("image", (place) => {
      mkdirSync(place);
      writeFileSync(`${place}/large`, Buffer.alloc(16 << 20, "large"));
    });
    const env = { LAMINIX_CACHE_DIR: folder.join("cache") };
    await using streaming = startLaminix(["stream", "--store", daemon.uri, path], { env, stdout: pipe.fd });
    await streaming.says(/layer/);
    await collect();
    expect(isThere(path)).toBe(true);
    streaming.child.kill("SIGTERM");
    await streaming.ended;
    await vi.waitFor(async () => {
      await collect();
      expect(isThere(path)).toBe(false);
    }, 60_000);
  });
});

function writeFolder(place: string, file: string): void {
  mkdirSync(nodePath.dirname(`${place}/${file}`), { recursive: true });
  writeFileSync(`${place}/${file}`, `${file}\n`);
}
