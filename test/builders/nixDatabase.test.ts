import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { cp } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { writeNixDatabase } from "../../dist/root/nixDatabase.js";
import { type Closure, GraphStore, openStore, type StorePath } from "../../dist/index.js";
import { nixes, searchPath } from "../support/nixes.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { describeWith } from "../support/requirements.js";
import { mustRun, run } from "../support/run.js";
import { temporaryFolder, type TemporaryFolder } from "../support/temporary.js";

const TIME = 1;

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await folder[Symbol.asyncDispose]();
});

interface Given {
  readonly store: NixStore;
  readonly closure: Closure;
  readonly app: StorePath;
  readonly library: StorePath;
}

/** A store with a program that refers to itself and to a library. */
async function withStore(storeDir: string, use: (given: Given) => Promise<void>): Promise<void> {
  await using store = await startNixStore({ storeDir });
  const library = await store.addTextFile("library", "a library");
  const app = store.pathFor("app");
  await store.addTree(
    "app",
    (place) => {
      mkdirSync(path.join(place, "bin"), { recursive: true });
      writeFileSync(path.join(place, "bin/app"), `#!${library}\n${app}\n`);
    },
    { references: [app, library] },
  );
  await using client = await openStore(`${store.uri}?store=${storeDir}`);
  const closure = await client.closure([app]);
  await use({ store, closure, app: app as StorePath, library: library as StorePath });
}

function write({ store, closure, app }: Given, root: string, options = {}): Promise<void> {
  mkdirSync(root, { recursive: true });
  return writeNixDatabase({
    open: (path) => ({ disk: store.realPath(path) }),
    root,
    storeDir: path.dirname(app),
    closure,
    gcRoots: [app],
    time: TIME,
    ...options,
  });
}

const files = (root: string): string[] =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .sort();

/** Runs `nix-store` on an image's root, as Nix in a container would find it. */
async function nixStore(root: string, { app }: Given, args: readonly string[]): Promise<string> {
  const { stdout } = await mustRun("nix-store", args, {
    env: {
      PATH: process.env["PATH"],
      NIX_REMOTE: `local?root=${root}`,
      NIX_STORE_DIR: path.dirname(app),
      NIX_CONF_DIR: folder.path,
      NIX_STATE_DIR: undefined,
    },
  });
  return stdout.toString();
}

for (const nix of nixes) {
  describeWith([...nix.needs, "sqlite3"], `a database written by ${nix.name}`, () => {
    beforeEach(() => {
      vi.stubEnv("PATH", searchPath(nix.release));
      writeFileSync(folder.join("nix.conf"), "build-users-group =\n");
    });

    test.each(["/nix/store", "/somewhere/else"])(
      "answers Nix's questions about a closure in %s",
      async (dir) => {
        await withStore(dir, async (given) => {
          const { app, library, store } = given;
          const root = folder.join("root");
          await write(given, root);
          await cp(store.realStoreDir, path.join(root, "nix/store"), {
            recursive: true,
            verbatimSymlinks: true,
          });
          const ask = (...args: readonly string[]): Promise<string> => nixStore(root, given, args);
          expect(await ask("--query", "--requisites", app)).toBe(`${library}\n${app}\n`);
          expect((await ask("--query", "--references", app)).trim().split("\n").sort()).toEqual(
            [app, library].sort(),
          );
          expect(await ask("--query", "--hash", library)).toBe(
            await store
              .run("nix-store", ["--query", "--hash", library])
              .then(({ stdout }) => stdout.toString()),
          );
          await ask("--verify", "--check-contents");
          expect(await ask("--gc", "--print-roots")).toContain(app);
        });
      },
    );

    test("knows what the derivations in the closure build", async () => {
      await withStore("/nix/store", async (given) => {
        const { store } = given;
        const own = 'system = "x86_64-linux"; builder = "/bin/sh";';
        const { stdout } = await store.run("nix-instantiate", [
          "--expr",
          `derivation { name = "thing"; ${own} dep = derivation { name = "dep"; ${own} }; }`,
        ]);
        const drv = stdout.toString().trim() as StorePath;
        await using client = await openStore(`${store.uri}?store=/nix/store`);
        const closure = await client.closure([drv]);
        expect(closure.size).toBe(2);
        const root = folder.join("root");
        await write({ ...given, closure, app: drv }, root);
        await cp(store.realStoreDir, path.join(root, "nix/store"), { recursive: true });
        const [out = ""] = (await nixStore(root, given, ["--query", "--outputs", drv])).split("\n");
        const { stdout: producers } = await mustRun("sqlite3", [
          path.join(root, "nix/var/nix/db/db.sqlite"),
          `SELECT v.path FROM DerivationOutputs d JOIN ValidPaths v ON v.id = d.drv WHERE d.path = '${out}'`,
        ]);
        expect(producers.toString()).toBe(`${drv}\n`);
      });
    });

    test("has the same bytes when it is written again later", async () => {
      await withStore("/nix/store", async (given) => {
        await write(given, folder.join("one"));
        await sleep(1100); // registration times are seconds
        await write(given, folder.join("other"));
        const bytes = (root: string, name: string): Buffer => readFileSync(folder.join(root, name));
        expect(files(folder.join("one"))).toEqual(files(folder.join("other")));
        for (const name of ["nix/var/nix/db/db.sqlite", "nix/var/nix/db/schema"])
          expect(bytes("one", name).equals(bytes("other", name)), name).toBe(true);
      });
    });
  });
}

describeWith(["nix-store", "nix-daemon", "sqlite3"], "a Nix database", () => {
  test("comes with garbage collector's roots, and with no lock, journal or link out of the image", async () => {
    await withStore("/nix/store", async (given) => {
      const root = folder.join("root");
      await write(given, root);
      const name = path.basename(given.app);
      expect(files(root)).toEqual([
        "nix/var/nix/db/db.sqlite",
        "nix/var/nix/db/schema",
        `nix/var/nix/gcroots/docker/${name}`,
        "nix/var/nix/gcroots/profiles",
      ]);
      expect(readlinkSync(path.join(root, "nix/var/nix/gcroots/docker", name))).toBe(given.app);
      expect(readlinkSync(path.join(root, "nix/var/nix/gcroots/profiles"))).toBe("/nix/var/nix/profiles");
    });
  });

  test("tells the time that it was given", async () => {
    await withStore("/nix/store", async (given) => {
      const root = folder.join("root");
      await write(given, root, { time: 315532800 });
      const { stdout } = await mustRun("sqlite3", [
        path.join(root, "nix/var/nix/db/db.sqlite"),
        "SELECT DISTINCT registrationTime FROM ValidPaths",
      ]);
      expect(stdout.toString()).toBe("315532800\n");
    });
  });

  test("does not depend on the user's settings, nor on the store that they use", async () => {
    await withStore("/nix/store", async (given) => {
      await write(given, folder.join("one"));
      mkdirSync(folder.join("home/.config/nix"), { recursive: true });
      for (const file of ["home/.config/nix/nix.conf", "nix.conf"])
        writeFileSync(folder.join(file), "store = /nowhere\nuse-sqlite-wal = nonsense\n");
      writeFileSync(folder.join("home/.sqliterc"), "DROP TABLE ValidPaths;\n");
      vi.stubEnv("HOME", folder.join("home"));
      vi.stubEnv("XDG_CONFIG_HOME", folder.join("home/.config"));
      vi.stubEnv("NIX_CONF_DIR", folder.path);
      vi.stubEnv("NIX_STATE_DIR", folder.join("state"));
      vi.stubEnv("NIX_CONFIG", "store = /nowhere");
      await write(given, folder.join("other"));
      const file = "nix/var/nix/db/db.sqlite";
      expect(readFileSync(folder.join("other", file)).equals(readFileSync(folder.join("one", file)))).toBe(
        true,
      );
      expect(existsSync(folder.join("state"))).toBe(false);
    });
  });

  test("takes the place of one that is there, and leaves other files alone", async () => {
    await withStore("/nix/store", async (given) => {
      const root = folder.join("root");
      await write(given, root, { time: 5 });
      writeFileSync(path.join(root, "nix/var/nix/other"), "x");
      await write(given, root);
      await write(given, folder.join("fresh"));
      const file = "nix/var/nix/db/db.sqlite";
      expect(readFileSync(path.join(root, file)).equals(readFileSync(folder.join("fresh", file)))).toBe(true);
      expect(readFileSync(path.join(root, "nix/var/nix/other"), "utf8")).toBe("x");
    });
  });

  test("is written through no link", async () => {
    await withStore("/nix/store", async (given) => {
      const root = folder.join("root");
      mkdirSync(path.join(root, "nix"), { recursive: true });
      mkdirSync(folder.join("outside"));
      symlinkSync(folder.join("outside"), path.join(root, "nix/var"));
      await expect(write(given, root)).rejects.toMatchObject({ code: "ERR_FILE_TYPE" });
      expect(readdirSync(folder.join("outside"))).toEqual([]);
    });
  });

  test("has no roots for paths that it does not have", async () => {
    await withStore("/nix/store", async (given) => {
      const other = "/nix/store/00000000000000000000000000000000-other" as StorePath;
      await expect(write(given, folder.join("root"), { gcRoots: [other] })).rejects.toMatchObject({
        code: "ERR_PATH_NOT_VALID",
      });
    });
  });

  test("is not written when it was aborted", async () => {
    await withStore("/nix/store", async (given) => {
      const reason = new Error("enough");
      await expect(write(given, folder.join("root"), { signal: AbortSignal.abort(reason) })).rejects.toBe(
        reason,
      );
      expect(files(folder.join("root"))).toEqual([]);
    });
  });

  test.each(["nix-store", "sqlite3"])(
    "cannot be written without %s, which the error names",
    async (missing) => {
      await withStore("/nix/store", async (given) => {
        mkdirSync(folder.join("bin"));
        for (const program of ["nix-store", "sqlite3"].filter((each) => each !== missing)) {
          const { stdout } = await run("sh", ["-c", `command -v ${program}`]);
          symlinkSync(stdout.toString().trim(), folder.join("bin", program));
        }
        vi.stubEnv("PATH", folder.join("bin"));
        const written = await write(given, folder.join("root")).catch((error: unknown) => error);
        vi.unstubAllEnvs();
        expect(written).toMatchObject({
          code: "ERR_PROGRAM",
          message: `${missing} cannot be run: it is not there`,
          hint: expect.stringContaining("install"),
        });
        expect(files(folder.join("root"))).toEqual([]);
      });
    },
  );
});

describe("a graph without hashes", () => {
  test("makes no Nix database", async () => {
    const app = "/nix/store/00000000000000000000000000000000-app" as StorePath;
    writeFileSync(folder.join("graph.json"), JSON.stringify([{ path: app, narSize: 5, references: [] }]));
    const closure = await GraphStore.read(folder.join("graph.json")).closure([app]);
    await expect(
      writeNixDatabase({
        root: folder.path,
        storeDir: "/nix/store",
        closure,
        open: () => ({ disk: "/nowhere" }),
        gcRoots: [],
        time: TIME,
      }),
    ).rejects.toMatchObject({ code: "ERR_GRAPH", details: { path: app } });
  });
});
