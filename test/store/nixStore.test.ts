import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LaminixError, NixStore, openStore } from "../../dist/index.js";
import {
  answerFrom,
  type Behaviour,
  FakeDaemon,
  type FakePath,
  type FakeStore,
  Operation,
  type Peer,
  type Request,
  wire,
} from "../support/fakeDaemon.js";

const storeDir = "/fake/store";
const path = (name: string): string => `${storeDir}/${"0".repeat(31)}1-${name}`;
const [app, library] = [path("app"), `${storeDir}/${"0".repeat(31)}2-library`];
const contents: FakeStore = new Map([
  [
    app,
    { references: [library], narSize: 10, deriver: path("app.drv"), signatures: ["key:c2ln"], ca: "fixed:x" },
  ],
  [library, { references: [library], narSize: 20, ultimate: true, registrationTime: 1234 }],
]);

/** The path of no object, by which a client finds out whether it knows the store's directory. */
const isProbe = ({ operation, argument }: Request): boolean =>
  operation === Operation.isValidPath && argument.endsWith(`/${"0".repeat(32)}-x`);

/** What a real daemon does about a path in another folder: it says so twice, and hangs up. */
function refuse(peer: Peer, { argument }: Request): void {
  const error = wire.error(`error: path '${argument}' is not in the Nix store`);
  peer.send(error, error);
}

/** Answers as a real daemon does until the client goes; `special` has the first say, and ends it with `false`. */
async function serve(
  peer: Peer,
  special: (request: Request) => boolean | undefined | Promise<boolean | undefined> = () => undefined,
): Promise<void> {
  for (;;) {
    const request = await peer.request();
    const said = await special(request);
    if (said === false) return;
    if (said === true) continue;
    const outside = request.argument.startsWith("/") && !request.argument.startsWith(`${storeDir}/`);
    if (outside) {
      refuse(peer, request);
      return;
    }
    peer.send(answerFrom(contents, request));
  }
}

const disposables: AsyncDisposable[] = [];
async function listen(behaviour: Behaviour): Promise<{ daemon: FakeDaemon; store: NixStore }> {
  const daemon = await FakeDaemon.listen(behaviour);
  const store = new NixStore(`unix://${daemon.socket}?store=${storeDir}`);
  disposables.push(daemon, store);
  return { daemon, store };
}

beforeEach(() => {
  for (const name of ["NIX_REMOTE", "NIX_STORE_DIR", "NIX_STORE"]) vi.stubEnv(name, undefined);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  // The store first, so that the daemon's behaviours come to their end.
  for (const each of disposables.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

describe("what a daemon says of itself", () => {
  test.each([
    [32, null, null],
    [33, "2.7.0", null],
    [34, "2.8.0", null],
    [35, "2.15.0", true],
    [37, "2.20.0", true],
    [38, "2.24.0", true],
  ])("with protocol 1.%i: version %s, trusted %s", async (minor, version, trusted) => {
    const { daemon, store } = await listen(async (peer) => {
      await peer.greet({ minor, version: version ?? "never sent" });
      await serve(peer);
    });
    expect(await store.info()).toEqual({
      ...{ url: store.url, storeDir, protocol: `1.${minor}`, version, trusted, features: [] },
    });
    expect((await store.closure(app)).paths).toEqual([library, app]);
    expect(daemon.errors).toEqual([]);
  });

  test.each([
    [0, null],
    [1, true],
    [2, false],
  ])("trust %i is told as %s", async (trust, trusted) => {
    const { store } = await listen(async (peer) => {
      await peer.greet({ trust });
      await serve(peer);
    });
    expect((await store.info()).trusted).toBe(trusted);
  });

  test("a later protocol than 1.38 is spoken as 1.38", async () => {
    const { store } = await listen(async (peer) => {
      await peer.greet({ minor: 45 });
      await serve(peer);
    });
    expect((await store.info()).protocol).toBe("1.38");
  });

  test("features that both sides have are told, and those of the daemon alone are not", async () => {
    const { daemon, store } = await listen(async (peer) => {
      await peer.greet({ features: ["disable-set-options", "some-feature-of-the-future"] });
      await serve(peer);
    });
    // This feature means that the first operation is not SetOptions, which greet() would not have waited for.
    expect((await store.info()).features).toEqual(["disable-set-options"]);
    expect(await store.isValidPath(app)).toBe(true);
    expect(daemon.errors).toEqual([]);
  });

  test.each([
    ["1.21", 21],
    ["1.31", 31],
  ])("protocol %s is too old, and the error says what is needed", async (_, minor) => {
    const { store } = await listen(async (peer) => {
      await peer.number();
      await peer.number();
      peer.send(wire.number(0x6478696f), wire.number(0x100 | minor));
    });
    await expect(store.storeDir()).rejects.toMatchObject({
      code: "ERR_DAEMON_PROTOCOL",
      message: expect.stringContaining("Nix 2.4") as string,
    });
  });
});

describe("path infos", () => {
  test("have what the daemon said, and leave out what it left out", async () => {
    const { store } = await listen(async (peer) => {
      await peer.greet();
      await serve(peer);
    });
    const narHash = `sha256-${Buffer.alloc(32).toString("base64")}`;
    const expected = [
      {
        ...{ path: library, narHash, narSize: 20, references: [library] },
        ...{ registrationTime: 1234, ultimate: true, signatures: [] },
      },
      {
        ...{ path: app, narHash, narSize: 10, references: [library], deriver: path("app.drv") },
        ...{ registrationTime: 1, ultimate: false, signatures: ["key:c2ln"], ca: "fixed:x" },
      },
    ];
    expect([await store.pathInfo(library), await store.pathInfo(app)]).toEqual(expected);
    expect([...(await store.closure(app))]).toEqual(expected);
    expect(await store.pathInfo(path("none"))).toBeUndefined();
  });
});

describe("a lost connection", () => {
  /** Hangs up at the first question, or in the middle of its answer, on the first `times` connections that ask it. */
  const dying = (times: number, how: (peer: Peer) => void): Behaviour => {
    let left = times;
    return async (peer) => {
      await peer.greet();
      await serve(peer, ({ operation }) => {
        if (operation !== Operation.queryPathInfo || left === 0) return undefined;
        left--;
        how(peer);
        return false;
      });
    };
  };
  const hangUp = (): void => undefined;
  const stopInTheMiddle = (peer: Peer): void => {
    peer.send(wire.last(), wire.number(1), wire.string(path("half")), Buffer.from("3132", "hex"));
  };

  test.each([
    ["before the answer", hangUp],
    ["in the middle of the answer", stopInTheMiddle],
  ])("%s is made again, once", async (_, how) => {
    const { daemon, store } = await listen(dying(1, how));
    expect((await store.closure(app)).paths).toEqual([library, app]);
    expect(daemon.connections).toBe(2);
  });

  test("is an error the second time, and the store stays usable", async () => {
    const { daemon, store } = await listen(dying(2, hangUp));
    await expect(store.closure(app)).rejects.toMatchObject({ code: "ERR_DAEMON_DISCONNECTED" });
    expect(daemon.connections).toBe(2);
    expect((await store.closure(app)).paths).toEqual([library, app]);
  });

  test("that many questions were on is made again once for all of them", async () => {
    const { daemon, store } = await listen(dying(1, hangUp));
    await store.storeDir();
    const infos = await Promise.all(Array.from({ length: 50 }, () => store.pathInfo(app)));
    expect(infos.every((info) => info?.path === app)).toBe(true);
    expect(daemon.connections).toBe(2);
  });

  test("while nobody asks is made again when somebody does", async () => {
    let peers = 0;
    const { daemon, store } = await listen(async (peer) => {
      await peer.greet();
      // The first one goes after the question for the store's directory.
      const first = ++peers === 1;
      await serve(peer, (request) => {
        if (!first || !isProbe(request)) return undefined;
        peer.send(answerFrom(contents, request));
        return false;
      });
    });
    expect(await store.storeDir()).toBe(storeDir);
    await daemon.idle();
    expect(await store.isValidPath(app)).toBe(true);
    expect(daemon.connections).toBe(2);
  });

  test("is not made again by a store that was closed", async () => {
    const { daemon, store } = await listen(async (peer) => {
      await peer.greet();
      await serve(peer, ({ operation }) => (operation === Operation.queryPathInfo ? true : undefined));
    });
    await store.storeDir();
    const asked = store.pathInfo(app);
    const outcome = expect(asked).rejects.toBeInstanceOf(LaminixError);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await store.close();
    await outcome;
    expect(daemon.connections).toBe(1);
  });
});

describe("an error", () => {
  test("of one question leaves the others and the connection alone", async () => {
    const bad = path("bad");
    const { daemon, store } = await listen(async (peer) => {
      await peer.greet();
      await serve(peer, ({ argument }) => {
        if (argument !== bad) return undefined;
        peer.send(wire.error("\u001b[31;1merror:\u001b[0m no such luck"));
        return true;
      });
    });
    const [first, failed, last] = await Promise.allSettled([
      store.pathInfo(app),
      store.pathInfo(bad),
      store.pathInfo(library),
    ]);
    expect(first).toMatchObject({ value: { path: app } });
    expect(failed).toMatchObject({
      reason: { code: "ERR_DAEMON", message: expect.not.stringContaining("\u001b") as string },
    });
    expect(last).toMatchObject({ value: { path: library, narSize: 20 } });
    expect(await store.isValidPath(path("none"))).toBe(false);
    expect(daemon.connections).toBe(1);
  });

  test("that is said twice, as of an argument, is not the answer to the next question", async () => {
    const bad = path("bad");
    const { daemon, store } = await listen(async (peer) => {
      await peer.greet();
      await serve(peer, (request) => {
        if (request.argument !== bad) return undefined;
        refuse(peer, request);
        return false;
      });
    });
    const asked = await Promise.allSettled([
      store.isValidPath(bad),
      store.pathInfo(app),
      store.isValidPath(app),
    ]);
    expect(asked).toMatchObject([
      { status: "rejected", reason: { code: "ERR_DAEMON" } },
      { status: "fulfilled", value: { path: app } },
      { status: "fulfilled", value: true },
    ]);
    expect(await store.pathInfo(library)).toMatchObject({ path: library });
    expect(daemon.connections).toBe(2);
    // One question after the other, too: nothing of the second copy is left over.
    await expect(store.isValidPath(bad)).rejects.toMatchObject({ code: "ERR_DAEMON" });
    expect(await store.isValidPath(app)).toBe(true);
  });

  test("that two questions have in common fails both, and no third", async () => {
    const { store } = await listen(async (peer) => {
      await peer.greet();
      await serve(peer, ({ operation }) => {
        if (operation !== Operation.queryPathFromHashPart) return undefined;
        peer.send(wire.error("error: the database is busy"));
        return true;
      });
    });
    const hash = "0".repeat(32);
    const asked = await Promise.allSettled([
      store.pathFromHashPart(hash),
      store.pathFromHashPart(hash),
      store.isValidPath(app),
    ]);
    expect(asked.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"]);
  });
});

describe("a daemon that hangs in the handshake", () => {
  /** Reads what it is told, and says nothing. */
  const silent: Behaviour = async (peer) => {
    await peer.bytes(1 << 20);
  };

  test("is given up, with a hint, by everybody who waits", async () => {
    const daemon = await FakeDaemon.listen(silent);
    disposables.push(daemon);
    await using store = new NixStore(`unix://${daemon.socket}`);
    const outcomes = await Promise.allSettled([store.storeDir(), store.closure(app), store.info()]);
    const timeout = { code: "ERR_DAEMON_TIMEOUT", hint: expect.stringContaining("socket") as string };
    expect(outcomes).toMatchObject([timeout, timeout, timeout].map((reason) => ({ reason })));
    expect(daemon.connections).toBe(1);
  });

  test("keeps neither an abort nor closing waiting", async () => {
    const daemon = await FakeDaemon.listen(silent);
    disposables.push(daemon);
    const url = `unix://${daemon.socket}`;
    const controller = new AbortController();
    const reason = new Error("no time");
    const opening = openStore(url, { signal: controller.signal });
    controller.abort(reason);
    await expect(opening).rejects.toBe(reason);

    const store = new NixStore(url);
    const asked = store.storeDir();
    const outcome = expect(asked).rejects.toMatchObject({ code: "ERR_CLOSED" });
    await store.close();
    await outcome;
  });
});

describe("an abort signal", () => {
  test("of a thousand questions has one listener, and none is left behind at the end", async () => {
    const { store } = await listen(async (peer) => {
      await peer.greet();
      await serve(peer);
    });
    const { signal } = new AbortController();
    const asked = Array.from({ length: 1000 }, () => store.isValidPath(app, { signal }));
    await Promise.all(asked);
    expect(getEventListeners(signal, "abort").length).toBeLessThanOrEqual(1);
  });

  test("ends a question that is never answered, and the next one is answered", async () => {
    let asked: (() => void) | undefined;
    const heard = new Promise<void>((resolve) => (asked = resolve));
    let held: Request | undefined;
    const { daemon, store } = await listen(async (peer) => {
      await peer.greet();
      await serve(peer, (request) => {
        if (request.operation === Operation.queryAllValidPaths) {
          held = request;
          asked?.();
          return true;
        }
        // Answers come in the order of the questions, the late one first.
        if (held) peer.send(answerFrom(contents, held));
        held = undefined;
        return undefined;
      });
    });
    const controller = new AbortController();
    const all = store.allValidPaths({ signal: controller.signal });
    await heard;
    controller.abort(new Error("enough"));
    await expect(all).rejects.toThrow("enough");
    expect(await store.isValidPath(app)).toBe(true);
    expect(daemon.connections).toBe(1);
  });
});

describe("the store directory", () => {
  test("is learned with one question where the URL tells it", async () => {
    const requests: Request[] = [];
    const { store } = await listen(async (peer) => {
      await peer.greet();
      await serve(peer, (request) => {
        requests.push(request);
        return undefined;
      });
    });
    expect(await Promise.all([store.storeDir(), store.storeDir()])).toEqual([storeDir, storeDir]);
    expect(requests.map(isProbe)).toEqual([true]);
  });

  test("is taken from a valid path where a daemon refuses what was believed", async () => {
    const daemon = await FakeDaemon.listen(async (peer) => {
      await peer.greet();
      await serve(peer);
    });
    disposables.push(daemon);
    await using store = await openStore(`unix://${daemon.socket}`);
    expect(await store.storeDir()).toBe(storeDir);
    expect((await store.closure(app)).paths).toEqual([library, app]);
  });

  test("cannot be the root, or a relative folder", async () => {
    for (const dir of ["/", "nix/store"]) {
      await using store = new NixStore(`unix:///nowhere?store=${dir}`);
      await expect(store.storeDir()).rejects.toMatchObject({ code: "ERR_STORE_URL" });
    }
  });
});

describe("temporary roots", () => {
  test("are asked for before the paths are, and refused ones are told", async () => {
    const requests: Request[] = [];
    const { store } = await listen(async (peer) => {
      await peer.greet();
      await serve(peer, (request) => {
        requests.push(request);
        if (request.operation !== Operation.addTempRoot || request.argument !== library) return undefined;
        peer.send(wire.error("error: the disk is full"));
        return true;
      });
    });
    await using _held = await store.tempRoots([app]);
    const mine = requests.filter((request) => !isProbe(request));
    expect(mine.map(({ operation }) => operation)).toEqual([Operation.addTempRoot, Operation.isValidPath]);
    await expect(store.tempRoots([app, library])).rejects.toMatchObject({
      code: "ERR_DAEMON",
      message: expect.stringContaining("disk is full") as string,
    });
  });
});

describe("a daemon with queryPathInfos", () => {
  test("is asked about a closure in as many requests as it is deep", async () => {
    const chain = new Map<string, FakePath>(
      Array.from({ length: 5 }, (_, i) => [
        path(`level-${i}`),
        { references: i === 4 ? [] : [path(`level-${i + 1}`), path(`side-${i}`)], narSize: i },
      ]),
    );
    const graph: FakeStore = new Map([
      ...chain,
      ...Array.from({ length: 4 }, (_, i) => [path(`side-${i}`), { narSize: 100 }] as [string, FakePath]),
    ]);
    const answered = async (features: readonly string[]): Promise<[unknown, number]> => {
      let requests = 0;
      const { store } = await listen(async (peer) => {
        await peer.greet({ features });
        await peer.serve(graph, (request) => {
          if (!isProbe(request)) requests++;
        });
      });
      const closure = await store.closure(path("level-0"));
      return [[...closure], requests];
    };
    const [batched, few] = await answered(["queryPathInfos"]);
    const [single, many] = await answered([]);
    expect(batched).toEqual(single);
    expect([few, many]).toEqual([5, 9]);
  });

  test("that does not know a path of the closure names it", async () => {
    const { store } = await listen(async (peer) => {
      await peer.greet({ features: ["queryPathInfos"] });
      await serve(peer);
    });
    await expect(store.closure([app, path("absent")])).rejects.toMatchObject({
      code: "ERR_PATH_NOT_VALID",
      details: { path: path("absent") },
    });
    expect((await store.closure(app)).size).toBe(2);
  });
});

describe("a daemon older than results of builds", () => {
  test("builds all the same, and its outputs are asked for", async () => {
    const { store } = await listen(async (peer) => {
      await peer.greet({ minor: 33 });
      await serve(peer);
    });
    expect(await store.build(path("app.drv"))).toEqual([
      {
        path: path("app.drv"),
        status: "unknown",
        success: true,
        message: "",
        outputs: new Map([["out", app]]),
        startTime: 0,
        stopTime: 0,
      },
    ]);
  });

  test("says when it cannot build", async () => {
    const { store } = await listen(async (peer) => {
      await peer.greet({ minor: 32 });
      await serve(peer, ({ operation }) => {
        if (operation !== Operation.buildPaths) return undefined;
        peer.send(wire.error("error: build of 'app.drv' failed"));
        return true;
      });
    });
    await expect(store.build(path("app.drv"))).rejects.toMatchObject({
      code: "ERR_DAEMON",
      message: "build of 'app.drv' failed",
    });
  });
});

describe("the same question", () => {
  /** A store whose daemon answers when told to, and what it was asked. */
  async function slow(): Promise<{ store: NixStore; asked: Request[]; answer: () => void }> {
    const asked: Request[] = [];
    let answer = (): void => undefined;
    const told = new Promise<void>((resolve) => (answer = resolve));
    const { store } = await listen(async (peer) => {
      await peer.greet();
      await serve(peer, async (request) => {
        if (isProbe(request)) return undefined;
        asked.push(request);
        await told;
        return undefined;
      });
    });
    await store.storeDir();
    return { store, asked, answer };
  }

  test("of many at a time is asked once, and answers all of them", async () => {
    const { store, asked, answer } = await slow();
    const infos = Array.from({ length: 20 }, () => store.pathInfo(app));
    const closures = Array.from({ length: 20 }, () => store.closure(app));
    const other = store.pathInfo(library);
    await vi.waitFor(() => {
      expect(asked.length).toBeGreaterThan(0);
    }, 60_000);
    answer();
    expect(new Set((await Promise.all(infos)).map((info) => info?.narSize))).toEqual(new Set([10]));
    expect(new Set((await Promise.all(closures)).map(({ size }) => size))).toEqual(new Set([2]));
    expect((await other)?.narSize).toBe(20);
    // One for the path infos, two for the closures, one for the other path.
    expect(asked.map(({ argument }) => argument).sort()).toEqual([app, app, library, library]);
    await store.pathInfo(app);
    expect(asked).toHaveLength(5);
  });

  test("goes on for the others when one gives up, and ends when all have", async () => {
    const { store, asked, answer } = await slow();
    const [first, second] = [new AbortController(), new AbortController()];
    const one = store.pathInfo(app, { signal: first.signal });
    const other = store.pathInfo(app, { signal: second.signal });
    const third = store.pathInfo(app);
    first.abort(new Error("first"));
    second.abort(new Error("second"));
    await expect(one).rejects.toThrow("first");
    await expect(other).rejects.toThrow("second");
    answer();
    expect((await third)?.path).toBe(app);
    expect(asked).toHaveLength(1);
  });
});
