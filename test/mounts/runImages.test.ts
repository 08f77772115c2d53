import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  type Caller,
  callers,
  CONTAINER_NEEDS,
  ContainerScene,
  type Job,
  ROOT,
} from "../support/containers.js";
import { startImageRegistry } from "../support/imageRegistry.js";
import { archiveOf, type Item, Layout, named, tarOf } from "../support/images.js";
import { describeWith, testWith } from "../support/requirements.js";

/** What the first run of an image tells. */
const UNPACKING = { type: "note", message: expect.stringContaining("unpacking") as string };

describeWith(CONTAINER_NEEDS, "a container of an image", () => {
  let scene: ContainerScene;
  /** Its store is /nix/store, whose files are elsewhere. */
  let moved: ContainerScene;
  const busybox = readFileSync("/bin/busybox");

  beforeAll(async () => {
    scene = await ContainerScene.open();
    moved = await ContainerScene.open({ storeDir: "/nix/store" });
  });
  afterAll(async () => {
    await scene[Symbol.asyncDispose]();
    await moved[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    for (const caller of callers) expect(await scene.remains(caller)).toEqual([]);
  });

  const folder = (name: string, rest: Partial<Item> = {}): Item => ({
    name,
    type: "directory",
    mode: 0o755,
    ...rest,
  });
  const link = (name: string, linkname: string): Item => ({ name, type: "symlink", linkname });
  const shell: readonly Item[] = [
    folder("bin/"),
    { name: "bin/busybox", mode: 0o755, body: busybox },
    ...["sh", "ls", "cat", "stat", "id", "echo", "env", "readlink", "find", "test", "pwd"].map((name) =>
      link(`bin/${name}`, "busybox"),
    ),
  ];

  /** An archive's file. */
  async function archive(
    name: string,
    layers: readonly (readonly Item[])[],
    config: object = {},
  ): Promise<string> {
    const file = scene.folder.join(`${name}.tar`);
    const tars = await Promise.all(layers.map(tarOf));
    writeFileSync(file, await archiveOf({ layers: tars, config, tags: [`${name}:latest`] }));
    return file;
  }

  const cacheOf = (caller: Caller): string => path.join(scene.homeOf(caller), "cache");
  const rootsOf = (caller: Caller): string[] => readdirSync(path.join(cacheOf(caller), "roots"));
  const clear = (caller: Caller) => scene.laminix(caller, ["cache", "--clear", "--json"]);

  /** Two layers with all that there can be in one. */
  const odd = (): Promise<string> =>
    archive(
      "odd",
      [
        [
          ...shell,
          folder("etc/"),
          { name: "etc/passwd", body: "web:x:33:34::/srv:\n" },
          { name: "etc/deleted", body: "x" },
          folder("data/"),
          { name: "data/hidden", body: "x" },
          folder("srv/", { uid: 33, gid: 34, mode: 0o700 }),
          { name: "srv/own", body: "own\n", uid: 33, gid: 34, mode: 0o600 },
          { name: "bin/su", body: busybox, mode: 0o4755 },
          folder("dev/"),
          { name: "dev/sda", type: "block-device", devmajor: 8, devminor: 0 },
          { name: "etc/zero", type: "character-device", devmajor: 1, devminor: 5 },
          { name: "etc/pipe", type: "fifo" },
          { name: "etc/hard", type: "link", linkname: "etc/passwd" },
          link("etc/abroad", "/../../../etc/hostname"),
          folder("closed/", { mode: 0o300 }),
        ],
        [
          { name: "etc/.wh.deleted" },
          folder("data/"),
          { name: "data/.wh..wh..opq" },
          { name: "data/new", body: "new" },
        ],
      ],
      { User: "web", Cmd: ["sh", "-c", "id -u; pwd"], Env: ["KIND=odd"], WorkingDir: "/data" },
    );

  test.each(callers)("has its files, run by $name", async (caller) => {
    const place = await odd();
    const script = `
      ls -A /etc /data
      test /etc/passwd -ef /etc/hard && echo linked
      readlink /etc/abroad
      cat /etc/abroad 2>/dev/null
      stat -c "%u:%g %a" /srv /srv/own /bin/su /closed
      echo changed >/etc/passwd`;
    const command = ["sh", "-c", script];
    const jobs: Job[] = [
      [place, {}],
      [place, { command, user: "0" }],
      // The first one has changed nothing.
      [place, { command: ["cat", "/etc/passwd"], workdir: "/" }],
      [{ fromImage: place, contents: [] }, { command: ["cat", "/srv/own"] }],
      [
        { fromImage: place, contents: [scene.busybox], config: { User: "0" } },
        { command: ["tac", "/data/new"] },
      ],
    ];
    const results = await scene.containers(caller, jobs);
    const alone = caller === callers[1];
    expect(results.map(({ code, stdout, stderr, error }) => error ?? [code, stdout, stderr])).toEqual([
      [0, "33\n/data\n", ""],
      [
        0,
        [
          ...[
            "/data:",
            "new",
            "",
            "/etc:",
            "abroad",
            "hard",
            "passwd",
            "pipe",
            "linked",
            "/../../../etc/hostname",
          ],
          ...(alone
            ? ["0:0 700", "0:0 600", "0:0 4755", "0:0 300"]
            : ["33:34 700", "33:34 600", "0:0 4755", "0:0 300"]),
          "",
        ].join("\n"),
        "",
      ],
      [0, "web:x:33:34::/srv:\n", ""],
      [0, "own\n", ""],
      [0, "new", ""],
    ]);
    expect(results[0]?.notes).toContainEqual(UNPACKING);
    expect(results[0]?.notes).toContainEqual({
      type: "warning",
      message: "2 device nodes of the image are left out",
    });
    for (const { notes } of results.slice(1)) expect(notes).not.toContainEqual(UNPACKING);
    expect(rootsOf(caller)).toHaveLength(1);
    const told = await scene.laminix(caller, ["cache"]);
    expect(told.stdout.toString()).toMatch(/: 0 layers, 0 B; 1 unpacked root, [\d.]+ MB\n$/);
    expect(JSON.parse((await clear(caller)).stdout.toString())).toMatchObject({
      unpackedRoots: { entries: 0, size: 0 },
    });
    expect(rootsOf(caller)).toEqual([]);
  });

  describe("is the same", () => {
    const files = [...shell, folder("etc/"), { name: "etc/name", body: "plain\n" }];
    const command = ["cat", "/etc/name"];

    test("from a layout, and is unpacked once for all places", async () => {
      const layout = new Layout(scene.folder.join("layout"));
      layout.index([named(layout.image({ layers: [await tarOf(files)] }), "plain")]);
      const results = await scene.containers(ROOT, [
        [layout.folder, { command }],
        [await archive("plain", [files]), { command }],
      ]);
      expect(results.map(({ stdout }) => stdout)).toEqual(["plain\n", "plain\n"]);
      expect(results.map(({ notes }) => notes?.length)).toEqual([1, 0]);
      await clear(ROOT);
    });

    test.each(callers)("for two that are started at once, run by $name", async (caller) => {
      const place = await archive("plain", [files]);
      const both = await Promise.all([1, 2, 3].map(() => scene.containers(caller, [[place, { command }]])));
      expect(both.flat().map(({ code, stdout }) => [code, stdout])).toEqual(
        [1, 2, 3].map(() => [0, "plain\n"]),
      );
      expect(rootsOf(caller)).toHaveLength(1);
      await clear(caller);
    });

    test.each(callers)("where what was unpacked before is damaged, run by $name", async (caller) => {
      const place = await archive("plain", [files]);
      const cat = (): Promise<readonly unknown[]> =>
        scene.containers(caller, [[place, { command }]]).then(([result]) => [result?.stdout, result?.error]);
      expect(await cat()).toEqual(["plain\n", undefined]);
      for (const damage of ["facts.json", "root"]) {
        const [name = ""] = rootsOf(caller);
        rmSync(path.join(cacheOf(caller), "roots", name, damage), { recursive: true });
        expect(await cat()).toEqual(["plain\n", undefined]);
      }
      await clear(caller);
    });

    testWith([...CONTAINER_NEEDS, "docker-registry", "skopeo", "openssl"], "from a registry", async () => {
      await using registry = await startImageRegistry({ plain: true });
      await registry.push(await archive("plain", [files], { Cmd: command }), "plain:latest");
      const args = ["run", `docker://${registry.host}/plain:latest`, "--plain-http"];
      for (const note of [/unpacking/, /^$/])
        expect(await scene.laminix(ROOT, args)).toMatchObject({
          code: 0,
          stdout: Buffer.from("plain\n"),
          stderr: expect.stringMatching(note) as string,
        });
      await clear(ROOT);
    });
  });

  describe.each(callers)("without store paths, run by $name", (caller) => {
    test("has those that its links and its configuration name", async () => {
      const { store } = scene;
      const named = await store.addTextFile("named", "by the configuration\n");
      const place = await archive("bare", [[folder("bin/"), link("bin/cat", `${scene.busybox}/bin/cat`)]], {
        Cmd: ["/bin/cat", named],
      });
      const gone = `${store.storeDir}/${"0".repeat(32)}-gone`;
      const dangling = await archive(
        "dangling",
        [[link("gone", gone), link("cat", `${scene.busybox}/bin/cat`)]],
        {
          Cmd: ["/cat", "/gone"],
        },
      );
      const [good, bad] = await scene.containers(caller, [
        [place, {}],
        [dangling, {}],
      ]);
      expect(good).toMatchObject({ code: 0, stdout: "by the configuration\n" });
      expect(bad).toMatchObject({ code: 1, stderr: "cat: can't open '/gone': No such file or directory\n" });
      expect(bad?.notes).toContainEqual({
        type: "warning",
        message: `the image names ${gone}, which is not in the store`,
      });
      await clear(caller);
    });
  });

  test("keeps the store paths that it has", async () => {
    const { store } = moved;
    const inside = (path: string): string => path.slice(1);
    const own = `${store.storeDir}/${"1".repeat(32)}-own`;
    const parents = inside(store.storeDir)
      .split("/")
      .map((_, i, parts) => folder(`${parts.slice(0, i + 1).join("/")}/`));
    const place = await archive("full", [
      [...parents, folder(`${inside(own)}/`), { name: `${inside(own)}/file`, body: "own\n" }],
    ]);
    const [result] = await moved.containers(ROOT, [
      [
        { fromImage: place },
        {
          command: [
            "sh",
            "-c",
            `cat ${own}/file; ls ${store.storeDir} | wc -l; rm -r ${moved.busybox}/bin/sh`,
          ],
        },
      ],
    ]);
    expect(result).toMatchObject({
      code: 1,
      stdout: "own\n2\n",
      stderr: expect.stringContaining("Read-only file system") as string,
    });
    await moved.laminix(ROOT, ["cache", "--clear"]);
  });

  test.each<[string, (storeDir: string) => readonly Item[], RegExp]>([
    ["a file in a folder's place", () => [{ name: "tmp", body: "x" }], /has a file on the way to \/tmp/],
    [
      "a link that leads to itself",
      () => [link("tmp", "tmp")],
      /links that lead in circles on the way to \/tmp/,
    ],
    [
      "a link that leads nowhere",
      () => [link("tmp", "nowhere")],
      /link that leads nowhere on the way to \/tmp/,
    ],
    [
      "a file in the place of /nix",
      () => [{ name: "nix", body: "x" }],
      /has a file on the way to \/nix\/store/,
    ],
    ["a link in the place of /dev", () => [link("dev", "/")], /has a link on the way to \/dev/],
    [
      "a file in the store path's place",
      (busybox) => [...parentsOf(busybox), { name: busybox.slice(1), body: "x" }],
      /something else in the place of the store path/,
    ],
  ])("cannot be started with %s in the way", async (_, items, message) => {
    const place = await archive("blocked", [[...items(moved.busybox)]]);
    const results = await Promise.all(
      callers.map((caller) => moved.containers(caller, [[{ fromImage: place }, { command: ["sh"] }]])),
    );
    for (const [result] of results)
      expect(result?.error).toMatchObject({
        code: "ERR_MOUNT",
        message: expect.stringMatching(message) as string,
      });
    for (const caller of callers) await moved.laminix(caller, ["cache", "--clear"]);
  });

  function parentsOf(place: string): Item[] {
    const parts = place.slice(1).split("/").slice(0, -1);
    return parts.map((_, i) => folder(`${parts.slice(0, i + 1).join("/")}/`));
  }

  test("has a link on the way to the store followed within it", async () => {
    const [, first = ""] = scene.store.storeDir.split("/tmp/");
    const place = await archive("linked", [[folder("elsewhere/"), link("tmp", "../../elsewhere")]]);
    const [result] = await scene.containers(ROOT, [
      [{ fromImage: place }, { command: ["ls", "/elsewhere"] }],
    ]);
    expect(result).toMatchObject({ code: 0, stdout: `${first.split("/")[0] ?? ""}\n` });
    expect(existsSync("/elsewhere")).toBe(false);
    await clear(ROOT);
  });
});
