import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  BinaryCacheStore,
  GraphStore,
  mountPlan,
  type MountPlan,
  NixStore,
  streamLayeredImage,
} from "../../dist/index.js";
import { copyTo } from "../support/binaryCache.js";
import { failureOf } from "../support/failure.js";
import { type NixStore as Daemon, startNixStore } from "../support/nixStore.js";
import { describeWith } from "../support/requirements.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

describeWith(["nix-daemon", "nix-store", "linux"], "a plan of a chroot store's paths", () => {
  let daemon: Daemon;
  let store: NixStore;
  let folder: TemporaryFolder;
  let library: string;
  let app: string;
  let text: string;
  let other: string;
  beforeAll(async () => {
    folder = await temporaryFolder("plan");
    daemon = await startNixStore({ storeDir: "/nix/store" });
    store = new NixStore(`${daemon.uri}?real=${daemon.realStoreDir}`);
    library = await daemon.addTree("library", (place) => {
      mkdirSync(place);
      writeFileSync(`${place}/says`, "library");
    });
    app = await daemon.addTree(
      "app",
      (place) => {
        mkdirSync(`${place}/bin`, { recursive: true });
        writeFileSync(`${place}/bin/app`, library, { mode: 0o755 });
        symlinkSync(library, `${place}/library`);
        symlinkSync("../library", `${place}/bin/up`);
        symlinkSync("/etc", `${place}/out`);
      },
      { references: [library] },
    );
    text = await daemon.addTextFile("text", app, [app]);
    other = await daemon.addTextFile("other", "of nobody");
  });
  afterAll(async () => {
    await store.close();
    await daemon[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  const plan = (subject: Parameters<typeof mountPlan>[0]): Promise<MountPlan> =>
    mountPlan(subject, { store });
  const targets = ({ mounts }: MountPlan): string[] => mounts.map(({ target }) => target).sort();
  const link = (name: string, says: string, references: readonly string[] = [library]): Promise<string> =>
    daemon.addTree(
      name,
      (place) => {
        symlinkSync(says, place);
      },
      { references },
    );

  test("says where each path is, what it is, and what keeps them all", async () => {
    const { narSize, ...rest } = await plan(text);
    expect(narSize).toBe((await store.closure(text)).narSize);
    expect(rest).toEqual({
      storeDir: "/nix/store",
      mounts: [
        { source: daemon.realPath(library), target: library, kind: "folder" },
        { source: daemon.realPath(app), target: app, kind: "folder" },
        { source: daemon.realPath(text), target: text, kind: "file" },
      ],
      links: [],
      places: ["/nix", "/nix/store"],
      roots: [text],
    });
  });

  test("is of several paths, with a root for each that no other refers to", async () => {
    const { roots, ...rest } = await plan([text, library, other]);
    expect(roots.toSorted()).toEqual([text, other].sort());
    expect(targets(rest as MountPlan)).toEqual([library, app, text, other].sort());
  });

  test("has a root for a path that refers to itself", async () => {
    const self = daemon.pathFor("self");
    await daemon.addTextFile("self", self, [self]);
    expect((await plan(self)).roots).toEqual([self]);
  });

  test("is of a closure, even of an empty one", async () => {
    expect(await plan(await store.closure([text]))).toEqual(await plan(text));
    expect(await plan([])).toMatchObject({ storeDir: "/nix/store", mounts: [], links: [], roots: [] });
  });

  test("is of a spec: its contents, what its configuration names, and what its commands write", async () => {
    expect(targets(await plan({ name: "image", contents: [app] }))).toEqual([library, app].sort());
    const named = await plan({ name: "image", config: { Cmd: [`${app}/bin/app`] } });
    expect(targets(named)).toEqual([library, app].sort());
    const written = await plan({
      name: "image",
      contents: [library],
      extraCommands: `echo ${other} >written`,
    });
    expect(targets(written)).toEqual([library, other].sort());
    expect(written.roots.toSorted()).toEqual([library, other].sort());
  });

  test("is of an image that was built", async () => {
    const built = await streamLayeredImage({ name: "image", contents: [text] }, { store });
    expect(await plan(built)).toEqual(await plan({ name: "image", contents: [text] }));
    expect(targets(await plan(built))).toEqual([library, app, text].sort());
  });

  // A link, what it says, and what of this system is mounted in its place.
  const links: readonly (readonly [what: string, says: () => string, leadsTo: () => string | undefined])[] = [
    ["to a folder", () => library, () => daemon.realPath(library)],
    ["to what is beside it", () => library.slice("/nix/store/".length), () => daemon.realPath(library)],
    ["into a folder", () => `${library}/says`, () => `${daemon.realPath(library)}/says`],
    ["by ways around", () => `${library}/.././${library.slice(11)}//`, () => daemon.realPath(library)],
    ["through a link inside another path", () => `${app}/library`, () => daemon.realPath(library)],
    ["through two links and up", () => `${app}/bin/up/says`, () => `${daemon.realPath(library)}/says`],
    ["out of the store", () => "/etc/passwd", () => undefined],
    ["out through another path", () => `${app}/out`, () => undefined],
    ["to a path that is not in the closure", () => other, () => undefined],
    ["to nothing", () => `${library}/nothing`, () => undefined],
    ["into a file", () => `${library}/says/nothing`, () => undefined],
    ["to the store itself", () => "/nix/store", () => undefined],
  ];
  for (const [what, says, leadsTo] of links) {
    test(`has a link ${what} as a link, and tells what to mount where none can be made`, async () => {
      const path = await link(`link-${what.replaceAll(" ", "-")}`, says(), [app]);
      const { mounts, links: made } = await plan(path);
      expect(targets({ mounts } as MountPlan)).toEqual([library, app].sort());
      const source = leadsTo();
      const kind = source?.endsWith("/says") ? "file" : "folder";
      expect(made).toEqual([
        { path, text: says(), ...(source !== undefined && { mount: { source, target: path, kind } }) },
      ]);
    });
  }

  test("follows a chain of links, and none that leads in a circle", async () => {
    const first = await link("chain-1", `${library}/says`);
    const second = await link("chain-2", first, [first]);
    const third = await link("chain-3", second, [second]);
    const chain = await plan(third);
    expect(chain.links.map(({ mount }) => mount?.source)).toEqual(
      [1, 2, 3].map(() => `${daemon.realPath(library)}/says`),
    );
    expect(chain.roots).toEqual([third]);
    const one = await link("circle", daemon.pathFor("circle"), []);
    expect((await plan(one)).links).toEqual([{ path: one, text: one }]);
    expect((await plan(one)).mounts).toEqual([]);
  });

  test("needs files on this disk", async () => {
    const gone = await daemon.addTextFile("gone", "gone");
    rmSync(daemon.realPath(gone));
    const { code, details } = await failureOf(plan(gone));
    expect({ code, details }).toMatchObject({ code: "ERR_PATH_NOT_ON_DISK", details: { path: gone } });

    const info = await store.pathInfo(text);
    const graph = GraphStore.parse(JSON.stringify([{ ...info, references: [] }]), "graph.json");
    expect(await failureOf(mountPlan(text, { store: graph }))).toMatchObject({
      code: "ERR_PATH_NOT_ON_DISK",
      hint: expect.stringContaining("graph") as unknown,
    });
  });

  test("is not of paths that are not valid, and of nothing else than it says", async () => {
    const never = daemon.pathFor("never");
    expect((await failureOf(plan(never))).code).toBe("ERR_PATH_NOT_VALID");
    expect((await failureOf(plan(7 as never))).code).toBe("ERR_ARGUMENT");
    expect((await failureOf(plan([7] as never))).code).toBe("ERR_ARGUMENT");
    expect((await failureOf(plan({ naem: "x" } as never))).code).toBe("ERR_SPEC_UNKNOWN_KEY");
  });

  test("ends when it is told to", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(mountPlan(text, { store, signal })).rejects.toThrow("enough");
  });
});

describeWith(["nix-daemon", "nix", "linux"], "a plan of a binary cache's paths", () => {
  test("cannot be: nobody mounts what is in an archive", async () => {
    await using folder = await temporaryFolder("cache");
    await using daemon = await startNixStore();
    const text = await daemon.addTextFile("text", "in a cache");
    await copyTo(folder.path, daemon, [text]);
    await using cache = new BinaryCacheStore(`file://${folder.path}`, { requireSignatures: false });
    expect(await failureOf(mountPlan(text, { store: cache }))).toMatchObject({
      code: "ERR_PATH_NOT_ON_DISK",
      hint: expect.stringContaining("nix-store --realise") as unknown,
    });
  });
});
