import { existsSync, lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { NixStore } from "laminix/store";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nixes } from "../support/nixes.js";
import { type NixStore as Daemon, startNixStore } from "../support/nixStore.js";
import { describeWith } from "../support/requirements.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

for (const { release, name, needs } of nixes) {
  describeWith(needs, `garbage collector roots with ${name}`, () => {
    let daemon: Daemon;
    let store: NixStore;
    let folder: TemporaryFolder;
    let library: string;
    let app: string;
    beforeAll(async () => {
      daemon = await startNixStore({ nix: release });
      store = new NixStore(daemon.uri);
      folder = await temporaryFolder("roots");
      library = await daemon.addTextFile("library", "library");
      app = await daemon.addTextFile("app", library, [library]);
    });
    afterAll(async () => {
      await store.close();
      await daemon[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });

    describe("addRoot", () => {
      test("makes the link, with folders on the way, and a root of it", async () => {
        const link = folder.join("deep/er/result");
        expect(await store.addRoot(`${app}/bin/app`, link)).toBe(link);
        expect(readlinkSync(link)).toBe(app);
        expect(await store.roots()).toContainEqual({ link, path: app });
        expect((await store.collectGarbage({ action: "return-live" })).paths).toEqual(
          expect.arrayContaining([app, library]),
        );
        rmSync(link);
        expect((await store.collectGarbage({ action: "return-dead" })).paths).toContain(app);
      });

      test("replaces a link into the store, and gives back the place without links on the way", async () => {
        mkdirSync(folder.join("real"));
        symlinkSync(folder.join("real"), folder.join("alias"));
        const link = folder.join("real/result");
        await store.addRoot(library, link);
        expect(await store.addRoot(app, folder.join("alias/result"))).toBe(link);
        expect(readlinkSync(link)).toBe(app);
        rmSync(link);
      });

      test.each<[string, (place: string) => void]>([
        ["a file", (place) => writeFileSync(place, "mine")],
        ["a folder", (place) => mkdirSync(place)],
        ["a link elsewhere", (place) => symlinkSync("/etc/hostname", place)],
        ["a dangling link", (place) => symlinkSync("nowhere", place)],
      ])("leaves %s in its place alone", async (what, make) => {
        const link = folder.join(`taken by ${what}`);
        make(link);
        const before = lstatSync(link);
        await expect(store.addRoot(app, link)).rejects.toMatchObject({
          code: "ERR_GC_ROOT",
          details: { link },
        });
        expect(lstatSync(link)).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs });
      });

      test("refuses what is not valid, and a place in the store, and leaves nothing", async () => {
        const missing = daemon.pathFor("missing");
        const link = folder.join("none");
        await expect(store.addRoot(missing, link)).rejects.toMatchObject({ code: "ERR_PATH_NOT_VALID" });
        expect(existsSync(link)).toBe(false);
        await expect(store.addRoot(app, `${daemon.storeDir}/link`)).rejects.toMatchObject({
          code: "ERR_GC_ROOT",
        });
        await expect(store.addRoot(app, `${app}/link`)).rejects.toMatchObject({
          code: expect.stringMatching(/^ERR_GC_ROOT$|^ERR_FILE_WRITE$/),
        });
        await expect(store.addRoot(app, 5 as never)).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
      });

      test("leaves no new link where the daemon does not answer", async () => {
        await using other = await startNixStore({ nix: release });
        const path = await other.addTextFile("gone", "gone");
        await using client = new NixStore(other.uri);
        await client.storeDir();
        await other.stopDaemon();
        const link = folder.join("unanswered");
        await expect(client.addRoot(path, link)).rejects.toMatchObject({
          code: expect.stringMatching(/^ERR_/),
        });
        expect(existsSync(link)).toBe(false);
      });
    });

    describe("addIndirectRoot refuses what the daemon would pass over:", () => {
      test.each<[string, (folder: TemporaryFolder) => string]>([
        ["a link that is not there", (it) => it.join("not there")],
        ["a relative path", () => "result"],
        [
          "a file",
          (it) => {
            writeFileSync(it.join("spec.json"), "{}");
            return it.join("spec.json");
          },
        ],
        [
          "a link that leads elsewhere",
          (it) => {
            symlinkSync("/etc", it.join("elsewhere"));
            return it.join("elsewhere");
          },
        ],
        [
          "a link to a link into the store",
          (it) => {
            symlinkSync(app, it.join("first"));
            symlinkSync(it.join("first"), it.join("second"));
            return it.join("second");
          },
        ],
      ])("%s", async (_, make) => {
        const link = make(folder);
        await expect(store.addIndirectRoot(link)).rejects.toMatchObject({
          code: "ERR_GC_ROOT",
          details: { link },
        });
        expect((await store.roots()).map((root) => root.link)).not.toContain(link);
      });
    });

    describe("rootsOf", () => {
      test("tells each root that keeps a path alive, and by which chain", async () => {
        const one = await store.addRoot(app, folder.join("one"));
        const two = await store.addRoot(library, folder.join("two"));
        const links = (await store.rootsOf(library)).filter(({ link }) => [one, two].includes(link));
        expect(links.sort((a, b) => a.link.localeCompare(b.link))).toEqual([
          { link: one, path: app, chain: [app, library] },
          { link: two, path: library, chain: [library] },
        ]);
        expect((await store.rootsOf(app)).map(({ link }) => link)).not.toContain(two);
      });

      test("of a path that nothing keeps is none", async () => {
        const lost = await daemon.addTextFile("lost", "lost");
        expect(await store.rootsOf(lost)).toEqual([]);
        await expect(store.rootsOf(daemon.pathFor("missing"))).rejects.toMatchObject({
          code: "ERR_PATH_NOT_VALID",
        });
      });
    });
  });
}
