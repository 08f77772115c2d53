import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Closure, NixStore, openStore, type StoreOptions, type StorePath } from "../../dist/index.js";
import {
  answerFrom,
  FakeDaemon,
  type FakePath,
  Operation,
  type Peer,
  type Request,
} from "../support/fakeDaemon.js";
import { type NixStore as TestStore, startNixStore } from "../support/nixStore.js";
import { describeWith } from "../support/requirements.js";

const storeDir = "/fake/store";
const path = (name: string): string => `${storeDir}/${name.charAt(0).repeat(32)}-${name}`;
const names = (closure: Closure): string[] => closure.paths.map((each) => each.replace(/^.*\/.{32}-/, ""));
const now = (): number => Math.floor(Date.now() / 1000);

const disposables: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of disposables.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

interface Asked {
  readonly store: NixStore;
  readonly contents: Map<string, FakePath>;
  /** Names of the paths that the daemon has been asked about since this was called last. */
  since(): string[];
}

/** A daemon whose contents may change; `special` answers in its place where it returns true. */
async function ask(
  contents: Map<string, FakePath>,
  options: StoreOptions = {},
  special: (peer: Peer, request: Request) => Promise<boolean> = () => Promise.resolve(false),
): Promise<Asked> {
  let asked: string[] = [];
  const daemon = await FakeDaemon.listen(async (peer) => {
    await peer.greet();
    for (;;) {
      const request = await peer.request();
      if (request.operation === Operation.queryPathInfo) asked.push(request.argument.slice(-3));
      if (!(await special(peer, request))) peer.send(answerFrom(contents, request));
    }
  });
  const store = await openStore(`unix://${daemon.socket}?store=${storeDir}`, options);
  disposables.push(daemon, store);
  return {
    ...{ store, contents },
    since: () => {
      const before = asked;
      asked = [];
      return before;
    },
  };
}

/** app → lib → libc, and other → libc. */
const someContents = (): Map<string, FakePath> =>
  new Map([
    [path("app"), { references: [path("lib")], signatures: ["a:1", "b:2"], deriver: path("drv") }],
    [path("bpp"), { references: [path("xyz")] }],
    [path("lib"), { references: [path("xyz"), path("lib")] }],
    [path("xyz"), {}],
  ]);

describe("a closure that was asked for before", () => {
  test("is given again once the daemon has said the same of its root", async () => {
    const { store, since } = await ask(someContents());
    const first = await store.closure(path("app"));
    expect(since()).toEqual(["app", "lib", "xyz"]);
    const second = await store.closure(`${path("app")}/bin/app`);
    expect(since()).toEqual(["app"]);
    expect([...second]).toEqual([...first]);
  });

  test("is a value of one's own", async () => {
    const { store } = await ask(someContents());
    await store.closure(path("app"));
    const [one, other] = [await store.closure(path("app")), await store.closure(path("app"))];
    (one.paths as StorePath[]).reverse();
    expect(names(other)).toEqual(["xyz", "lib", "app"]);
  });

  test.each<[string, FakePath]>([
    ["time of registration", { references: [path("lib")], registrationTime: 2 }],
    ["hash", { references: [path("lib")], narHash: "1".repeat(64) }],
    ["size", { references: [path("lib")], narSize: 1 }],
    ["references", { references: [path("lib"), path("bpp")] }],
    ["signatures", { references: [path("lib")], signatures: ["a:1"] }],
    ["deriver", { references: [path("lib")], deriver: path("ddd.drv") }],
    ["content address", { references: [path("lib")], ca: "fixed:x" }],
    ["origin", { references: [path("lib")], ultimate: true }],
  ])("is asked for again if the %s of its root is another one", async (_, app) => {
    const contents = someContents();
    contents.set(path("app"), { references: [path("lib")] });
    const { store, since } = await ask(contents);
    await store.closure(path("app"));
    contents.set(path("app"), app);
    contents.set(path("lib"), { references: [] });
    since();
    const closure = await store.closure(path("app"));
    expect(closure.references(path("lib"))).toEqual([]);
    expect(since()).toContain("lib");
    await store.closure(path("app"));
    expect(since()).toEqual(["app"]);
  });

  test("is not kept if its root was registered in these seconds, which a time of registration does not tell apart", async () => {
    const contents = someContents();
    contents.set(path("app"), { references: [path("lib")], registrationTime: now() });
    const { store } = await ask(contents);
    expect(names(await store.closure(path("app")))).toEqual(["xyz", "lib", "app"]);
    contents.set(path("lib"), {});
    expect(names(await store.closure(path("app")))).toEqual(["lib", "app"]);
  });

  test("is not kept if the store tells no times of registration", async () => {
    const contents = someContents();
    contents.set(path("app"), { references: [path("lib")], registrationTime: 0 });
    const { store, since } = await ask(contents);
    await store.closure(path("app"));
    since();
    await store.closure(path("app"));
    expect(since()).toEqual(["app", "lib", "xyz"]);
  });

  test("is an error once its root is not valid, and is asked for when it is again", async () => {
    const contents = someContents();
    const { store, since } = await ask(contents);
    await store.closure(path("app"));
    contents.delete(path("app"));
    await expect(store.closure(path("app"))).rejects.toMatchObject({ code: "ERR_PATH_NOT_VALID" });
    contents.set(path("app"), { references: [path("bpp")] });
    since();
    expect(names(await store.closure(path("app")))).toEqual(["xyz", "bpp", "app"]);
  });

  test("of several roots is checked by all of them, and is none of the closures of each", async () => {
    const contents = someContents();
    for (let i = 0; i < 5; i++) {
      contents.set(path(`${i}th`), {});
      contents.set(path("lib"), {
        references: [...(contents.get(path("lib"))?.references ?? []), path(`${i}th`)],
      });
    }
    const { store, since } = await ask(contents);
    const roots = [path("app"), path("bpp")];
    const { size } = await store.closure(roots);
    since();
    expect((await store.closure(roots)).size).toBe(size);
    expect(since()).toEqual(["app", "bpp"]);
    expect((await store.closure(path("bpp"))).size).toBe(2);
    contents.set(path("bpp"), { registrationTime: 5 });
    expect((await store.closure(roots)).references(path("bpp"))).toEqual([]);
  });

  test("is not kept where its roots are most of it: to check them would be to ask again", async () => {
    const { store, since } = await ask(someContents());
    const roots = [path("app"), path("lib"), path("xyz")];
    await store.closure(roots);
    since();
    await store.closure(roots);
    expect(since()).toEqual(["app", "lib", "xyz"]);
  });
});

describe("many questions at a time", () => {
  test("are one, the first time and the second", async () => {
    const { store, since } = await ask(someContents());
    for (const asked of [["app", "lib", "xyz"], ["app"]]) {
      const all = await Promise.all(Array.from({ length: 50 }, () => store.closure(path("app"))));
      expect(new Set(all).size).toBe(50);
      for (const closure of all) expect(names(closure)).toEqual(["xyz", "lib", "app"]);
      expect(since()).toEqual(asked);
    }
  });

  test("all hear of a change", async () => {
    const contents = someContents();
    const { store } = await ask(contents);
    await store.closure(path("app"));
    contents.set(path("app"), { references: [path("bpp")] });
    const all = await Promise.all(Array.from({ length: 50 }, () => store.closure(path("app"))));
    for (const closure of all) expect(names(closure)).toEqual(["xyz", "bpp", "app"]);
  });

  test("are left alone by one that aborts while the root is checked", async () => {
    const held: (() => void)[] = [];
    let holding = false;
    const { store } = await ask(someContents(), {}, async (_, { operation }) => {
      if (holding && operation === Operation.queryPathInfo)
        await new Promise<void>((resolve) => held.push(resolve));
      return false;
    });
    await store.closure(path("app"));
    holding = true;
    const controller = new AbortController();
    const aborted = store.closure(path("app"), { signal: controller.signal });
    const patient = store.closure(path("app"));
    while (held.length === 0) await sleep(5);
    controller.abort(new Error("no time"));
    await expect(aborted).rejects.toThrow("no time");
    holding = false;
    for (const release of held) release();
    expect(names(await patient)).toEqual(["xyz", "lib", "app"]);
  });

  test("are rejected where their signal has aborted before, kept or not", async () => {
    const { store } = await ask(someContents());
    await store.closure(path("app"));
    const signal = AbortSignal.abort(new Error("too late"));
    await expect(store.closure(path("app"), { signal })).rejects.toThrow("too late");
  });
});

describe("the memory for closures", () => {
  /** Roots a, b, c, … of closures of the same size. */
  const alike = (): Map<string, FakePath> =>
    new Map([
      ...["aaa", "bbb", "ccc"].map((name): [string, FakePath] => [path(name), { references: [path("xyz")] }]),
      [path("xyz"), {}],
    ]);
  const isKept = async ({ store, since }: Asked, name: string): Promise<boolean> => {
    since();
    await store.closure(path(name));
    return since().length === 1;
  };

  test("has room for what it was given, and lets go of what was used least recently", async () => {
    // One of these takes more than 400 bytes, and less than 600.
    const asked = await ask(alike(), { closureMemory: 1200 });
    for (const name of ["aaa", "bbb"]) expect(await isKept(asked, name)).toBe(false);
    for (const name of ["bbb", "aaa"]) expect(await isKept(asked, name)).toBe(true);
    expect(await isKept(asked, "ccc")).toBe(false);
    for (const name of ["aaa", "ccc"]) expect(await isKept(asked, name)).toBe(true);
    expect(await isKept(asked, "bbb")).toBe(false);
  });

  test("keeps nothing that is larger than all of it", async () => {
    const asked = await ask(alike(), { closureMemory: 300 });
    for (const name of ["aaa", "aaa"]) expect(await isKept(asked, name)).toBe(false);
  });

  test("is off with 0", async () => {
    const asked = await ask(alike(), { closureMemory: 0 });
    for (const name of ["aaa", "aaa"]) expect(await isKept(asked, name)).toBe(false);
  });

  test("is a number of bytes", async () => {
    for (const closureMemory of [-1, 0.5, "1", NaN])
      await expect(openStore("auto", { closureMemory: closureMemory as number })).rejects.toMatchObject({
        ...{ code: "ERR_ARGUMENT", details: { argument: "options.closureMemory" } },
      });
  });
});

describeWith(["nix-daemon", "nix-store"], "with a real daemon", () => {
  let nix: TestStore;
  let asked: NixStore;
  /** app → lib, whose references change. */
  let [app, lib, dep] = ["", "", ""];

  /** Registers the three, the library with these references. */
  const register = (references: readonly string[]): Promise<void> =>
    nix.registerPaths([
      { path: dep, narHash: "1".repeat(64), narSize: 1, references: [] },
      { path: lib, narHash: "2".repeat(64), narSize: 1, references },
      { path: app, narHash: "3".repeat(64), narSize: 1, references: [lib] },
    ]);
  const remove = (...paths: string[]): Promise<unknown> => nix.run("nix-store", ["--delete", ...paths]);
  /** Both are views of what the daemon answered once. */
  const isSameAnswer = (one: Closure, other: Closure): boolean => one.rows === other.rows;
  /** Until these seconds are others. */
  const settle = (): Promise<void> => sleep(3100);

  beforeAll(async () => {
    nix = await startNixStore({ config: "trusted-users = *" });
    [app, lib, dep] = ["app", "lib", "dep"].map((name) => nix.pathFor(name)) as [string, string, string];
    asked = new NixStore(nix.uri);
  });
  afterAll(async () => {
    await asked.close();
    await nix[Symbol.asyncDispose]();
  });

  test("a path that is deleted and registered again with other references is noticed, at once and later", async () => {
    await register([]);
    expect(names(await asked.closure(app))).toEqual(["lib", "app"]);
    await remove(app, lib);
    await register([dep]);
    expect(names(await asked.closure(app))).toEqual(["dep", "lib", "app"]);
    await settle();
    const [first, second] = [await asked.closure(app), await asked.closure(app)];
    expect(isSameAnswer(first, second)).toBe(true);
    await remove(app, lib);
    await register([]);
    expect(names(await asked.closure(app))).toEqual(["lib", "app"]);
  });

  test("nothing below a valid root can be deleted; what is collected with its root is noticed", async () => {
    const leaf = await nix.addTextFile("leaf", "leaf");
    const root = await nix.addTextFile("root", leaf, [leaf]);
    await settle();
    const [first, second] = [await asked.closure(root), await asked.closure(root)];
    expect(isSameAnswer(first, second)).toBe(true);
    await expect(remove(leaf)).rejects.toThrow();
    expect(names(await asked.closure(root))).toEqual(["leaf", "root"]);
    await nix.run("nix-store", ["--gc"]);
    await expect(asked.closure(root)).rejects.toMatchObject({
      ...{ code: "ERR_PATH_NOT_VALID", details: { path: root } },
    });
  });

  test("signatures that are added through the same store are in the next closure", async () => {
    await settle();
    const [first, second] = [await asked.closure(app), await asked.closure(app)];
    expect(isSameAnswer(first, second)).toBe(true);
    const signature = `key:${Buffer.alloc(64).toString("base64")}`;
    await asked.addSignatures(lib, [signature]);
    expect((await asked.closure(app)).get(lib)?.signatures).toEqual([signature]);
  });
});
