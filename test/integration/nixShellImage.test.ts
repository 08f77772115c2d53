import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DockerEngine, startDockerEngine } from "../support/dockerEngine.js";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { describeWith } from "../support/requirements.js";
import { laminix, mustRun, projectRoot, type RunResult } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

const APPLETS = ["cat", "env", "id", "ls", "mkdir", "pwd", "sh", "stat", "touch"];
const needs = ["nix-daemon", "nix-store", "nix-instantiate", "dockerd", "bash", "busybox", "ldd"];

describeWith(needs, "a shell's image in an engine", () => {
  let folder: TemporaryFolder;
  let engine: DockerEngine;
  let store: NixStore;
  let url: string;
  let bash: string;
  let stdenv: string;
  let tool: string;
  beforeAll(async () => {
    folder = await temporaryFolder("shells");
    engine = await startDockerEngine();
    store = await startNixStore({ storeDir: "/nix/store" });
    url = `${store.uri}?real=${store.realStoreDir}`;
    const busybox = await store.addTree("busybox", (place) => {
      mkdirSync(`${place}/bin`, { recursive: true });
      copyFileSync("/bin/busybox", `${place}/bin/busybox`);
      chmodSync(`${place}/bin/busybox`, 0o755);
      for (const applet of APPLETS) symlinkSync("busybox", `${place}/bin/${applet}`);
    });
    bash = `${await bashOfThisMachine(busybox)}/bin/bash`;
    stdenv = await store.addTree(
      "stdenv",
      (place) => {
        mkdirSync(place);
        writeFileSync(
          `${place}/setup`,
          `set -eu\nPATH=${busybox}/bin\nfor p in \${buildInputs:-}; do PATH=$p/bin:$PATH; done\n` +
            `export PATH\nrunHook() { eval "\${!1:-}"; }\nset +u\n`,
        );
      },
      { references: [busybox] },
    );
    tool = await store.addTree(
      "tool",
      (place) => {
        mkdirSync(`${place}/bin`, { recursive: true });
        writeFileSync(`${place}/bin/tool`, `#!${busybox}/bin/sh\necho a tool\n`);
        chmodSync(`${place}/bin/tool`, 0o755);
      },
      { references: [busybox] },
    );
  });
  afterAll(async () => {
    await store[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** A bash that runs where there is nothing but the store: started by its own loader, which a script calls. */
  async function bashOfThisMachine(busybox: string): Promise<string> {
    const { stdout } = await mustRun("ldd", ["/bin/bash"]);
    const libraries = [...stdout.toString().matchAll(/(\/\S+)(?= \()/g)].map(([path]) => path);
    const loader = libraries.find((path) => path.includes("/ld-")) ?? "";
    const name = "bash-5";
    const self = store.pathFor(name);
    return store.addTree(
      name,
      (place) => {
        mkdirSync(`${place}/bin`, { recursive: true });
        mkdirSync(`${place}/lib`);
        copyFileSync("/bin/bash", `${place}/lib/bash`);
        for (const library of libraries)
          copyFileSync(library, `${place}/lib/${library.slice(library.lastIndexOf("/") + 1)}`);
        writeFileSync(
          `${place}/bin/bash`,
          `#!${busybox}/bin/sh\nexec ${self}/lib/${loader.slice(loader.lastIndexOf("/") + 1)} ` +
            `--library-path ${self}/lib ${self}/lib/bash "$@"\n`,
        );
        for (const program of ["bin/bash", "lib/bash", `lib/${loader.slice(loader.lastIndexOf("/") + 1)}`])
          chmodSync(`${place}/${program}`, 0o755);
      },
      { references: [busybox, self] },
    );
  }

  const derivation = (attributes: string): string => `derivation ({
    name = "thing"; system = builtins.currentSystem;
    builder = "\${builtins.storePath "${bash.replace(/\/bin\/bash$/, "")}"}/bin/bash";
    stdenv = builtins.storePath "${stdenv}";
    buildInputs = [ (builtins.storePath "${tool}") ];
    args = [ "-ec" "source $stdenv/setup; mkdir $out; tool >$out/said; id -u >>$out/said" ];
  } // (${attributes}))`;
  async function instantiate(attributes: string): Promise<string> {
    const { stdout } = await store.run("nix-instantiate", ["--expr", derivation(attributes)]);
    return stdout.toString().trim();
  }

  /** `laminix nix-shell … | docker load`, then `docker run`. */
  async function started(
    source: string,
    flags: readonly string[],
    run: readonly string[] = [],
    command: readonly string[] = [],
  ): Promise<string> {
    const bin = `${projectRoot}/dist/bundled/laminix.js`;
    const script = `set -o pipefail; "$0" "$@" | docker load`;
    const args = [bin, "nix-shell", source, "--store", url, ...flags];
    const loaded = await mustRun("bash", ["-c", script, process.execPath, ...args], {
      env: { ...engine.env, LAMINIX_CACHE_DIR: folder.join("cache") },
      timeout: 120_000,
    });
    const image = /Loaded image: (\S+)/.exec(loaded.stdout.toString())?.[1] ?? "";
    const { stdout } = await engine.docker(["run", "--rm", "--network", "none", ...run, image, ...command]);
    return stdout.toString().replaceAll("\r", "");
  }

  test("builds the derivation, as the build user, with its inputs' programs", async () => {
    const drv = await instantiate("{ }");
    expect(await started(drv, ["--run", "buildDerivation && cat $out/said"])).toBe("a tool\n1000\n");
  });

  test("does not hold what the derivation builds, even where that is valid", async () => {
    const drv = await instantiate('{ name = "built"; }');
    const outPath = `(${derivation('{ name = "built"; }')}).outPath`;
    const { stdout } = await store.run("nix-instantiate", ["--eval", "--expr", outPath]);
    const out = JSON.parse(stdout.toString()) as string;
    await store.registerPaths([{ path: out, narHash: "0".repeat(64), narSize: 100, references: [] }]);
    expect(await started(drv, ["--run", 'ls -d "$out" 2>&1 || echo gone'])).toContain("gone");
  });

  test("runs the shell's hook, and finds inputs' programs", async () => {
    const drv = await instantiate('{ shellHook = "echo hook"; }');
    expect(await started(drv, ["--run", "tool"])).toBe("hook\na tool\n");
  });

  test("has variables that are passed as files", async () => {
    const drv = await instantiate('{ passAsFile = "big"; big = "from a file"; }');
    expect(await started(drv, ["--run", 'cat "$bigPath"'])).toBe("from a file");
  });

  test("runs a command in an interactive shell", async () => {
    const drv = await instantiate("{ }");
    const said = await started(drv, ["--command", "case $- in *i*) echo interactive;; esac"], ["--tty"]);
    expect(said).toContain("interactive\n");
  });

  test("has a home that can be written to, or one that is not there", async () => {
    const drv = await instantiate("{ }");
    expect(await started(drv, ["--run", "cd; pwd; touch x && echo written"])).toBe("/build\nwritten\n");
    const homeless = [
      "--home",
      "/homeless-shelter",
      "--run",
      'echo "$HOME"; ls "$HOME" 2>&1 || echo missing',
    ];
    expect(await started(drv, homeless)).toMatch(/^\/homeless-shelter\n[^]*missing\n$/);
  });

  test("gives its user the folders of the store", async () => {
    const drv = await instantiate("{ }");
    const script =
      "stat -c '%u:%g %a %n' /build /nix/store /nix/var /nix/var/nix /etc/nix /etc/passwd; id -un";
    expect(await started(drv, ["--run", script, "--uid", "1234", "--gid", "567"])).toBe(
      ["/build", "/nix/store", "/nix/var", "/nix/var/nix", "/etc/nix"]
        .map((place) => `1234:567 755 ${place}\n`)
        .join("") + "0:0 644 /etc/passwd\nnixbld\n",
    );
  });

  test("is made of an environment that a build has written down, too", async () => {
    const env = {
      stdenv,
      greeting: "good day",
      buildInputs: tool,
      out: "/nix/store/00000000000000000000000000000000-out",
    };
    writeFileSync(
      folder.join("env.json"),
      JSON.stringify({ name: "captured", builder: bash, args: [], env }),
    );
    expect(await started(folder.join("env.json"), ["--run", 'echo "$greeting"; tool'])).toBe(
      "good day\na tool\n",
    );
  });

  test("has the same bytes each time, on standard output and in a file", async () => {
    const drv = await instantiate("{ }");
    const make = (...flags: readonly string[]): Promise<RunResult> =>
      laminix(["nix-shell", drv, "--store", url, ...flags], {
        env: { LAMINIX_CACHE_DIR: folder.join("cache") },
      });
    const one = await make();
    expect(one.code, one.stderr).toBe(0);
    expect((await make("--output", folder.join("shell.tar"))).code).toBe(0);
    const { stdout } = await mustRun("cat", [folder.join("shell.tar")]);
    expect(stdout.equals(one.stdout)).toBe(true);
    expect(one.stderr).toContain("thing-env:");
  });
});
