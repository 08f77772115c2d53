import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { debianClosure, largePackages } from "../support/debianStore.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { describeWith, testWith } from "../support/requirements.js";
import { laminix, mustRun, projectRoot, run } from "../support/run.js";
import { runScript } from "../support/script.js";
import { startLaminix, unreadPipe } from "../support/started.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

const ESCAPE = "\u001b";
function expectPlain(text: string): void {
  expect(text).not.toContain(ESCAPE);
  expect(text).not.toContain("\r");
}

const bin = `${projectRoot}/dist/bundled/laminix.js`;

describeWith(["nix-daemon", "nix-store", "linux"], "good manners", () => {
  let daemon: NixStore;
  let folder: TemporaryFolder;
  let small: string;
  let large: string;
  beforeAll(async () => {
    folder = await temporaryFolder("manners");
    daemon = await startNixStore();
    const tree =
      (size: number) =>
      (place: string): void => {
        mkdirSync(`${place}/share`, { recursive: true });
        writeFileSync(`${place}/share/file`, Buffer.alloc(size, "data"));
      };
    const library = await daemon.addTree("library", tree(1000));
    small = await daemon.addTree("small", tree(2000), { references: [library] });
    large = await daemon.addTree("large", tree(48 << 20));
  });
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });
  const environment = (
    more: Readonly<Record<string, string | undefined>> = {},
  ): Record<string, string | undefined> => ({
    LAMINIX_CACHE_DIR: folder.join("cache"),
    NIX_REMOTE: daemon.uri,
    ...more,
  });

  describe("a script ends by itself", () => {
    const expectToEnd = async (source: string, printed: unknown, env = environment()): Promise<void> => {
      const result = await runScript(source, { env, timeout: 60_000 });
      expect(result).toMatchObject({ code: 0, signal: null, stderr: "", timedOut: false });
      expect(JSON.parse(result.stdout.toString())).toEqual(printed);
    };

    test("that only asks for a closure", async () => {
      await expectToEnd(`print((await laminix.nixStore.closure(${JSON.stringify(small)})).size);`, 2);
    });

    test("that asks a nix-daemon started for it", async () => {
      const env = environment({
        ...daemon.env,
        NIX_REMOTE: undefined,
        NIX_DAEMON_SOCKET_PATH: "/nonexistent",
      });
      await expectToEnd(`print((await laminix.nixStore.closure(${JSON.stringify(small)})).size);`, 2, env);
    });

    test("that leaves a store open, idle, and never closes it", async () => {
      const source = `
        const store = await laminix.openStore(${JSON.stringify(daemon.uri)});
        globalThis.kept = [store, await store.tempRoots([${JSON.stringify(small)}])];
        print("open");`;
      await expectToEnd(source, "open");
    });

    test("that asks and does not wait for the answer", async () => {
      const source = `
        const store = await laminix.openStore(${JSON.stringify(daemon.uri)});
        store.closure(${JSON.stringify(small)}).then(({ size }) => print(size));`;
      await expectToEnd(source, 2);
    });

    test("that is ended by its own process.exit while a question is open", async () => {
      const source = `
        const store = await laminix.openStore(${JSON.stringify(daemon.uri)});
        for (let i = 0; i < 100; i++) store.closure(${JSON.stringify(small)}).catch(() => undefined);
        process.stdout.write("1", () => process.exit(0));`;
      await expectToEnd(source, 1);
    });

    test("that asks from several threads, one of which is ended in the middle", async () => {
      const source = `
        import { Worker } from "node:worker_threads";
        const source = \`
          const { parentPort, workerData } = require("node:worker_threads");
          import(workerData.library).then(async ({ openStore }) => {
            const store = await openStore(workerData.uri);
            const { size } = await store.closure(workerData.path);
            parentPort.postMessage(size);
            for (;;) await store.closure(workerData.path);
          });\`;
        const library = ${JSON.stringify(`file://${projectRoot}/dist/index.js`)};
        const workerData = { library, uri: ${JSON.stringify(daemon.uri)}, path: ${JSON.stringify(small)} };
        const workers = [1, 2, 3].map(() => new Worker(source, { eval: true, execArgv: [], workerData }));
        const sizes = await Promise.all(workers.map((worker) => new Promise((resolve, reject) => {
          worker.once("message", resolve);
          worker.once("error", reject);
        })));
        await Promise.all(workers.map((worker) => worker.terminate()));
        sizes.push((await laminix.nixStore.closure(workerData.path)).size);
        print(sizes);`;
      await expectToEnd(source, [2, 2, 2, 2]);
    });
  });

  describe("a reader that stalls", () => {
    const conf = (): string => {
      const file = folder.join("conf.json");
      const fields = {
        ...{ architecture: "amd64", config: {}, repo_tag: "x:1", store_dir: daemon.storeDir },
        ...{ created: "1970-01-01T00:00:01+00:00", mtime: "1970-01-01T00:00:01+00:00" },
        ...{ uid: "0", gid: "0", uname: "root", gname: "root", from_image: null, customisation_layer: null },
        store_layers: [[large]],
      };
      writeFileSync(file, JSON.stringify(fields));
      return file;
    };

    test.each([
      ["stream", "a pipe"],
      ["stream", "a socket"],
      ["stream-conf", "a pipe"],
    ] as const)(
      "of %s through %s keeps neither Ctrl-C nor SIGTERM from being heard",
      async (command, how) => {
        for (const [signal, code] of [
          ["SIGINT", 130],
          ["SIGTERM", 143],
        ] as const) {
          using pipe = await unreadPipe(folder.join(`${command}-${how.slice(2)}-${signal}`));
          const stdout = how === "a pipe" ? pipe.fd : "pipe"; // Node's pipes to children are sockets
          const argument = command === "stream" ? large : conf();
          await using program = startLaminix([command, argument], { env: environment(), stdout });
          await program.says(/^layer/m);
          await sleep(100); // time enough to fill the pipe
          program.child.kill(signal);
          expect(await program.ended).toEqual([code, null]);
          expect(program.stderr()).not.toMatch(/laminix:|^\s+at /m);
        }
      },
    );

    test("gets the whole archive when it goes on", async () => {
      await using program = startLaminix(["stream", large], { env: environment(), stdout: "pipe" });
      await program.says(/^layer/m);
      await sleep(100);
      const hash = createHash("sha256");
      program.child.stdout?.on("data", (piece: Buffer) => hash.update(piece));
      expect(await program.ended).toEqual([0, null]);
      const direct = await laminix(["stream", "--quiet", large], { env: environment() });
      expect(hash.digest("hex")).toBe(createHash("sha256").update(direct.stdout).digest("hex"));
    });
  });

  describe("what is printed", () => {
    test("is the archive and nothing else on standard output, and plain lines on standard error", async () => {
      const result = await laminix(["stream", small], { env: environment() });
      expect(result.code).toBe(0);
      expectPlain(result.stderr);
      const lines = result.stderr.trimEnd().split("\n");
      expect(lines[0]).toMatch(/^2 store paths, /);
      expect(lines.slice(1, -1).map((line) => line.replace(/ {2}sha256:\w+ .*/, ""))).toEqual([
        "layer 1/3",
        "layer 2/3",
        "layer 3/3",
      ]);
      expect(lines.at(-1)).toMatch(/^small:[0-9a-z]{32} {2}\d/);
      const listed = await mustRun("tar", ["-t"], { input: result.stdout });
      expect(listed.stdout.toString()).toMatch(/manifest\.json\n$/);
    });

    test("is nothing but the archive with --quiet", async () => {
      const loud = await laminix(["stream", small], { env: environment() });
      const quiet = await laminix(["stream", "--quiet", small], { env: environment() });
      expect(quiet).toMatchObject({ code: 0, stderr: "" });
      expect(quiet.stdout.equals(loud.stdout)).toBe(true);
      const file = folder.join("quiet.tar");
      const built = await laminix(["build", "--quiet", "-o", file, small], { env: environment() });
      expect(built).toMatchObject({ code: 0, stderr: "" });
      expect(built.stdout).toHaveLength(0);
      expect(readFileSync(file).equals(loud.stdout)).toBe(true);
    });

    testWith(
      ["script"],
      "is drawn over itself on a terminal, in colours unless they are not wanted",
      async () => {
        const drawn = async (env: Readonly<Record<string, string | undefined>>): Promise<string> => {
          const line = `${process.execPath} ${bin} stream ${small} > /dev/null`;
          const all = environment({ CI: undefined, TERM: "xterm", ...env });
          return (await mustRun("script", ["-qec", line, "/dev/null"], { env: all })).stdout.toString();
        };
        const colour = new RegExp(`${ESCAPE}\\[[\\d;]*m`);
        expect(await drawn({})).toMatch(colour);
        const bar = await drawn({ NO_COLOR: "1" });
        expect(bar).toContain(`\r${ESCAPE}[K[........................] layer 1/3 `);
        expect(bar).not.toMatch(colour);
        // Where nobody looks, or nothing can be drawn, lines are as in a pipe.
        for (const env of [{ CI: "true" }, { TERM: "dumb" }]) {
          const plain = await drawn(env);
          expect(plain).toMatch(/^layer 1\/3/m);
          expectPlain(plain.replaceAll("\r\n", "\n"));
        }
      },
    );

    test("is help on standard output, with exit code 0", async () => {
      const help = await laminix(["--help"]);
      expect(help).toMatchObject({ code: 0, stderr: "" });
      expect(help.stdout.toString()).toContain("Usage: laminix");
      const version = await laminix(["--version"]);
      expect(version.stdout.toString()).toMatch(/^\d+\.\d+\.\d+\n$/);
    });
  });
});

describeWith(
  ["nix-daemon", "nix-store", "python3", "apt-get", "dpkg-deb"],
  "the memory of stream on hundreds of packages",
  () => {
    test("stays under 200 MB", async () => {
      const closure = await debianClosure(largePackages);
      await using folder = await temporaryFolder("memory");
      await using daemon = await startNixStore({ at: closure.root });
      const spec = folder.join("spec.json");
      writeFileSync(spec, JSON.stringify({ name: "large", contents: closure.paths }));
      // Starts the program and tells its peak, which the kernel counts in kibibytes (macOS: bytes).
      const measure = `
import os, sys
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
unit = 1 if sys.platform == "darwin" else 1024
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss * unit, file=sys.stderr)`;
      const command = [process.execPath, bin, "stream", "--quiet", "--store", daemon.uri, spec];
      let size = 0;
      const result = await run("python3", ["-c", measure, ...command], {
        env: { LAMINIX_CACHE_DIR: folder.join("cache") },
        onStdout: (piece) => (size += piece.length),
      });
      const [code, peak] = result.stderr.trim().split(" ").map(Number);
      expect(code).toBe(0);
      expect(size).toBeGreaterThan(500e6);
      expect(peak! / 1e6).toBeLessThan(200);
    });
  },
);
