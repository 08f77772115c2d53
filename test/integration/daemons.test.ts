/** The same questions to every Nix that there is: the answers must be those of its own programs. */
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { NixStore, openStore, type StoreInfo } from "../../dist/index.js";
import { Connection } from "../../dist/store/connection.js";
import { nixes, type NixRelease } from "../support/nixes.js";
import { type NixStore as TestStore, startNixStore } from "../support/nixStore.js";
import { describeWith, testWith } from "../support/requirements.js";
import { becomeNobody, runScript } from "../support/script.js";
import { temporaryFolder } from "../support/temporary.js";
import { absent, operations, type Scene } from "./operations.js";

/** Nothing that tells where a store or a daemon is. */
const nothing = {
  NIX_REMOTE: undefined,
  NIX_STORE_DIR: undefined,
  NIX_STORE: undefined,
  NIX_STATE_DIR: undefined,
  NIX_DAEMON_SOCKET_PATH: undefined,
  LIX_DAEMON_SOCKET_DIR: undefined,
};
beforeAll(() => {
  for (const name of Object.keys(nothing)) vi.stubEnv(name, undefined);
});
afterAll(() => {
  vi.unstubAllEnvs();
});

/** Minor versions of Nix, each with the protocol that is spoken from there on. */
const protocols: readonly (readonly [nix: number, protocol: string])[] = [
  [24, "1.38"],
  [20, "1.37"],
  [15, "1.35"],
  [8, "1.34"],
  [7, "1.33"],
  [4, "1.32"],
];

/** Ten paths in a row and two over them, each built from the one before, with derivers and references to themselves. */
async function buildProgram(daemon: TestStore): Promise<string> {
  const expression = `
    let build = name: inputs: derivation {
          inherit name; system = builtins.currentSystem; builder = "/bin/sh";
          args = [ "-c" "echo \${toString inputs} $out > $out" ];
        };
        text = builtins.toFile "text" "some text";
        chain = n: build "library-\${toString n}" (if n == 0 then [ text ] else [ (chain (n - 1)) text ]);
    in build "program" [ (build "tool" [ (chain 4) ]) (chain 9) ]`;
  const { stdout } = await daemon.run("nix-build", ["--no-out-link", "--expr", expression]);
  const program = stdout.toString().trim();
  await using folder = await temporaryFolder();
  const key = await daemon.run("nix", ["key", "generate-secret", "--key-name", "test-1"]);
  writeFileSync(folder.join("key"), key.stdout);
  const sign = ["store", "sign", "--key-file", folder.join("key"), program];
  await daemon.run("nix", sign, { env: { NIX_REMOTE: "local" } });
  return program;
}

/** The processes that serve the daemon's clients, one a connection; those that have ended and wait for it are none. */
function connections(daemon: TestStore): string[] {
  const children = readFileSync(`/proc/${daemon.daemonPid}/task/${daemon.daemonPid}/children`, "utf8");
  return children.split(" ").filter((pid) => {
    try {
      return pid !== "" && !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
    } catch {
      return false;
    }
  });
}

/** The process that serves the only client, once those of others that have gone are gone too. */
function onlyConnection(daemon: TestStore): Promise<string> {
  return vi.waitFor(
    () => {
      const [pid = "", ...others] = connections(daemon);
      expect(others).toEqual([]);
      return pid;
    },
    { timeout: 60_000, interval: 5 },
  );
}

/** What `store.info()` is for root, or for an ordinary user, with a configuration. */
async function infoOf(nix: NixRelease, who: "root" | "nobody", config: string): Promise<StoreInfo> {
  await using daemon = await startNixStore({ nix, config });
  await daemon.addTextFile("text", "text");
  const script = `${who === "nobody" ? becomeNobody : ""}
    print(await laminix.nixStore.info());`;
  const { stdout } = await runScript(script, { env: { ...nothing, NIX_REMOTE: daemon.uri } });
  return JSON.parse(stdout.toString()) as StoreInfo;
}

for (const { release: nix, name, needs, jsonFlags } of nixes) {
  describeWith([...needs, "linux"], `the daemon of ${name}`, () => {
    let scene: Scene;
    let minor: number;
    beforeAll(async () => {
      const daemon = await startNixStore({ nix });
      const program = await buildProgram(daemon);
      scene = { daemon, program, store: await openStore(daemon.uri), jsonFlags };
      const { stdout } = await daemon.run("nix-daemon", ["--version"]);
      minor = Number(/ 2\.(\d+)/.exec(stdout.toString())?.[1]);
    });
    afterAll(async () => {
      await scene.store.close();
      await scene.daemon[Symbol.asyncDispose]();
    });

    test("says its version and its protocol", async () => {
      const { version, protocol, features } = await scene.store.info();
      expect(protocol).toBe(protocols.find(([since]) => minor >= since)?.[1]);
      if (minor >= 7) expect(version).toMatch(new RegExp(`^2\\.${minor}\\b`));
      else expect(version).toBeNull();
      if (minor < 35) expect(features).toEqual([]);
    });

    describe("answers, and then the next question on the same connection:", () => {
      test.each(Object.entries(operations))("%s", async (_, operation) => {
        const before = await onlyConnection(scene.daemon);
        await operation(scene);
        expect(await scene.store.isValidPath(scene.program)).toBe(true);
        expect(await scene.store.pathInfo(scene.program)).toMatchObject({ path: scene.program });
        expect(await onlyConnection(scene.daemon)).toBe(before);
      });

      test("all of them at once", async () => {
        const before = await onlyConnection(scene.daemon);
        await Promise.all(Object.values(operations).map((operation) => operation(scene)));
        expect(await onlyConnection(scene.daemon)).toBe(before);
      });
    });

    test("goes on after an error of an answer", async () => {
      const connection = await Connection.open([{ socket: scene.daemon.socket }]);
      const refused = connection.call((native) => native.ask("pathFromHashPart", { hashPart: "short" }));
      await expect(refused).rejects.toMatchObject({
        code: "ERR_DAEMON",
        // Without the colours that Nix writes, and without its "error:".
        message: expect.stringMatching(/^(?!error:)[^\p{Cc}]+$/u) as string,
      });
      expect(connection.isOpen).toBe(true);
      expect(await connection.call((native) => native.ask("isValidPath", { path: scene.program }))).toBe(
        true,
      );
      connection.close();
    });

    test("hangs up after an error of an argument, of which the next question knows nothing", async () => {
      const connection = await Connection.open([{ socket: scene.daemon.socket }]);
      const outside = connection.call((native) =>
        native.ask("isValidPath", { path: `/elsewhere/${"0".repeat(32)}-x` }),
      );
      const behind = connection.call((native) => native.ask("isValidPath", { path: scene.program }));
      const [first, second] = await Promise.allSettled([outside, behind]);
      expect(first).toMatchObject({ reason: { code: "ERR_DAEMON" } });
      expect(second).toMatchObject({ reason: { code: "ERR_DAEMON_DISCONNECTED" } });
      connection.close();
      expect(await scene.store.isValidPath(scene.program)).toBe(true);
    });

    test("is asked on a new connection after its process was killed", async () => {
      expect(await scene.store.isValidPath(scene.program)).toBe(true);
      process.kill(Number(await onlyConnection(scene.daemon)), "SIGKILL");
      expect((await scene.store.closure(scene.program)).has(scene.program)).toBe(true);
    });

    testWith(["root"], "says whom it trusts, from Nix 2.15 on", async () => {
      const known = minor >= 15;
      expect((await infoOf(nix, "root", "trusted-users = root")).trusted).toBe(known ? true : null);
      expect((await infoOf(nix, "root", "trusted-users =")).trusted).toBe(known ? false : null);
      expect((await infoOf(nix, "nobody", "trusted-users = root")).trusted).toBe(known ? false : null);
      expect((await infoOf(nix, "nobody", "trusted-users = nobody")).trusted).toBe(known ? true : null);
    });

    testWith(["root"], "hangs up on whom it does not allow, which is told in words", async () => {
      await using daemon = await startNixStore({ nix, config: "allowed-users = root" });
      const script = `${becomeNobody}
        print(await laminix.openStore(${JSON.stringify(daemon.uri)}).catch(({ code, message }) => [code, message]));`;
      const { stdout } = await runScript(script, { env: nothing });
      const [code, message] = JSON.parse(stdout.toString()) as string[];
      expect(code).toBe("ERR_DAEMON_DISCONNECTED");
      expect(message).toMatch(/allowed-users/);
    });

    test("tells where its store is, by refusing what is not in it", async () => {
      const { daemon, program } = scene;
      for (const url of [daemon.uri, `${daemon.uri}?store=${daemon.storeDir}`]) {
        await using store = new NixStore(url);
        expect(await store.storeDir()).toBe(daemon.storeDir);
      }
      vi.stubEnv("NIX_STORE_DIR", "/some/other/store");
      try {
        await using store = new NixStore(daemon.uri);
        expect((await store.closure(program)).has(program)).toBe(true);
        expect(await store.isValidPath(absent(scene))).toBe(false);
      } finally {
        vi.stubEnv("NIX_STORE_DIR", undefined);
      }
    });

    test("may have its files elsewhere than its paths say", async () => {
      await using daemon = await startNixStore({ nix, storeDir: "/nix/store" });
      await using empty = await openStore(daemon.uri);
      expect(await empty.storeDir()).toBe("/nix/store");
      expect(await empty.allValidPaths()).toEqual([]);
      const path = await daemon.addTextFile("text", "text");
      for (const place of [`real=${daemon.realStoreDir}`, `root=${daemon.root}`]) {
        await using store = await openStore(`${daemon.uri}?${place}`);
        const { paths } = await store.closure(path);
        expect(paths).toEqual([path]);
        expect(readFileSync(store.realPath(paths[0]!), "utf8")).toBe("text");
      }
    });

    test("is started where none listens, and asked over pipes", async () => {
      await using daemon = await startNixStore({ nix });
      const path = await daemon.addTextFile("text", "text");
      await daemon.stopDaemon();
      const script = `
        const store = await laminix.openStore("auto");
        const { paths } = await store.closure(${JSON.stringify(path)});
        const code = await store.closure(${JSON.stringify(absent({ daemon }))}).catch((error) => error.code);
        print({ paths, code, again: await store.isValidPath(paths[0]), info: await store.info() });`;
      const result = await runScript(script, { env: { ...daemon.env, NIX_REMOTE: undefined } });
      expect(result.stderr).toBe("");
      const { info, ...answers } = JSON.parse(result.stdout.toString()) as { info: StoreInfo };
      expect(answers).toEqual({ paths: [path], code: "ERR_PATH_NOT_VALID", again: true });
      expect(info.protocol).toBe((await scene.store.info()).protocol);
      expect(info.version).toBe((await scene.store.info()).version);
    });
  });
}
