/** The examples of the documentation run, as a reader would run them. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import nodePath from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startDockerEngine } from "../support/dockerEngine.js";
import { type NixStore as TestStore, startNixStore } from "../support/nixStore.js";
import { describeWith, testWith } from "../support/requirements.js";
import { mustRun, projectRoot, run, type RunResult } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

const packages = `{
  hello = { version = "2.12"; meta.license.spdxId = "GPL-3.0-or-later"; };
  curl = { version = "8.0"; meta.license = "MIT"; };
  none = { };
  broken = throw "broken";
  wrong = { version = 1 + "a"; };
}`;

describeWith(["nix-daemon", "nix-store", "nix"], "the example", () => {
  let daemon: TestStore;
  let folder: TemporaryFolder;
  let library: string;
  let program: string;
  beforeAll(async () => {
    daemon = await startNixStore({ storeDir: "/example/store" });
    library = await daemon.addTextFile("library", "x".repeat(3 << 20));
    program = await daemon.addTextFile("program", library, [library]);
    // As in a project that has installed the package.
    folder = await temporaryFolder("examples");
    mkdirSync(folder.join("node_modules"));
    symlinkSync(projectRoot, folder.join("node_modules/laminix"));
    cpSync(nodePath.join(projectRoot, "docs/examples"), folder.path, { recursive: true });
  });
  afterAll(async () => {
    await folder[Symbol.asyncDispose]();
    await daemon[Symbol.asyncDispose]();
  });

  const url = (): string => `${daemon.uri}?real=${daemon.realStoreDir}&store=${daemon.storeDir}`;
  const example = (name: string, args: readonly string[], input?: string): Promise<RunResult> =>
    mustRun("node", [folder.join(name), ...args], {
      env: { NIX_REMOTE: url() },
      ...(input !== undefined && { input }),
    });

  test("closure-report lists what a path needs, largest first", async () => {
    const { stdout } = await example("closure-report.mjs", [program]);
    const lines = stdout.toString().trimEnd().split("\n");
    expect(lines.map((line) => line.trim().split(/ +/).slice(2).join(" "))).toEqual([
      library,
      program,
      "in 2 paths",
    ]);
    expect(lines[0]).toMatch(/^ +3\.0 MiB/);
  });

  interface Reply {
    readonly id: number | null;
    readonly name?: string;
    readonly paths?: number;
    readonly cancelled?: true;
    readonly reason?: string;
    readonly error?: { readonly code: string };
  }

  async function serve(lines: readonly unknown[]): Promise<Reply[]> {
    const texts = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
    const { stdout } = await example("editor-service.mjs", [url()], `${texts.join("\n")}\n`);
    const replies = stdout.toString().trimEnd().split("\n");
    return replies.map((reply) => JSON.parse(reply) as Reply);
  }

  test("editor-service answers the last question of each type and cancels those before it", async () => {
    const replies = await serve([
      { id: 1, path: program },
      { id: 2, type: "closure", path: library },
      { id: 3, type: "path", path: library },
      { id: 4, type: "closure", path: program },
    ]);
    expect(replies.map(({ id }) => id).sort()).toEqual([1, 2, 3, 4]);
    const reply = (wanted: number): Reply | undefined => replies.find(({ id }) => id === wanted);
    const name = program.replace(/^.*\/[^-/]*-/, "");
    expect(reply(4)).toEqual({ id: 4, name, paths: 2, bytes: expect.any(Number) as number });
    expect(reply(3)).toMatchObject({ id: 3, valid: true });
    for (const id of [1, 2])
      expect(reply(id)).toEqual({ id, cancelled: true, reason: "a later question took its place" });
  });

  test("editor-service survives what is no question, and cancels when it is told to", async () => {
    const replies = await serve([
      ...["{", "null", "3", '{"id":5}', { id: 6, path: "/elsewhere" }, { id: 7, path: program }],
      { cancel: "closure" },
      { id: 8, type: "path", path: program },
    ]);
    expect(replies.flatMap(({ id, error }) => (error ? [[id, error.code]] : []))).toEqual(
      expect.arrayContaining([
        [null, "ERR_JSON"],
        [null, "ERR_ARGUMENT"],
        [5, "ERR_ARGUMENT"],
      ]),
    );
    expect(replies.find(({ id }) => id === 7)).toEqual({
      id: 7,
      cancelled: true,
      reason: "it was cancelled",
    });
    expect(replies.find(({ id }) => id === 8)).toMatchObject({ valid: true });
  });

  test("package-report lists versions and licences, and counts what cannot be evaluated", async () => {
    writeFileSync(folder.join("set.nix"), packages);
    const { stdout, stderr } = await mustRun("node", [
      folder.join("package-report.mjs"),
      folder.join("set.nix"),
    ]);
    expect(stdout.toString()).toBe("curl\t8.0\tMIT\nhello\t2.12\tGPL-3.0-or-later\nnone\t\t\n");
    expect(stderr).toBe("2 of 5 cannot be evaluated\n");
  });

  test("complete-attributes answers the last line, whatever came before", async () => {
    writeFileSync(folder.join("set.nix"), packages);
    const { stdout } = await mustRun(
      "node",
      [folder.join("complete-attributes.mjs"), folder.join("set.nix")],
      { input: "h\nhe\nhello.meta.\nhello.v\n" },
    );
    expect(stdout.toString().trimEnd().split("\n").at(-1)).toBe("hello.v: version");
  });

  test("each says how it is used when it is not", async () => {
    for (const name of ["closure-report.mjs", "package-report.mjs", "complete-attributes.mjs"]) {
      const { code, stderr } = await run("node", [folder.join(name)]);
      expect([code, stderr.startsWith("usage: node ")]).toEqual([2, true]);
    }
  });
});

/** What the project takes from nixpkgs, made of this machine's busybox. */
const nixpkgs = `
let
  make = name: variables: script: derivation ({
    inherit name;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-euc" script ];
    PATH = "/usr/bin:/bin";
  } // variables);
  busybox = make "busybox" { } ''
    mkdir -p "$out/bin"
    cp /bin/busybox "$out/bin/sh"
    ln -s sh "$out/bin/id"
  '';
in {
  writeShellScriptBin = name: text: make name {
    inherit name;
    text = "#!\${busybox}/bin/sh\nPATH=\${busybox}/bin\n\${text}";
  } ''
    mkdir -p "$out/bin"
    printf %s "$text" >"$out/bin/$name"
    chmod +x "$out/bin/$name"
  '';
}`;

describeWith(["linux", "nix-daemon", "nix-build", "busybox"], "the project host-store", () => {
  let store: TestStore;
  let folder: TemporaryFolder;
  let env: Record<string, string>;
  const script = (name: string, args: readonly string[] = [], own = {}): Promise<RunResult> =>
    store.run(folder.join("project", name), args, { env: { ...env, ...own } });
  const laminix = async (...args: string[]): Promise<string> =>
    (await store.run("laminix", args, { env, cwd: folder.join("project") })).stdout.toString();
  beforeAll(async () => {
    store = await startNixStore();
    folder = await temporaryFolder("host-store");
    cpSync(nodePath.join(projectRoot, "docs/examples/host-store"), folder.join("project"), {
      recursive: true,
    });
    mkdirSync(folder.join("bin"));
    const bin = nodePath.join(projectRoot, "dist/bundled/laminix.js");
    writeFileSync(folder.join("bin/laminix"), `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`, {
      mode: 0o755,
    });
    env = {
      PATH: `${folder.join("bin")}:${process.env["PATH"] ?? ""}`,
      XDG_STATE_HOME: folder.join("state"),
      LAMINIX_CACHE_DIR: folder.join("cache"),
    };
    writeFileSync(folder.join("nixpkgs.nix"), nixpkgs);
    await script("build.sh", ["--arg", "pkgs", `import ${folder.join("nixpkgs.nix")}`]);
  });
  afterAll(async () => {
    await folder[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  });

  const greeter = (): string => readlinkSync(folder.join("project/result"));

  test("its image has no store paths, and runs by laminix over those of this system", async () => {
    expect(await laminix("run", "image.json")).toBe("Hello from the store of this system, 1000.\n");
    await expect(laminix("run", "image.json", "sh")).rejects.toThrow("laminix run image.json -- sh");
    const archive = folder.join("image.tar");
    await laminix("build", "image.json", "--quiet", "--output", archive);
    const { stdout } = await mustRun("sh", [
      "-c",
      'tar -xOf "$1" --wildcards "*/layer.tar" | tar -t',
      "sh",
      archive,
    ]);
    expect(stdout.toString()).toContain("bin/greeter");
    expect(stdout.toString()).not.toContain(nodePath.basename(greeter()));
    expect(await laminix("run", archive)).toBe("Hello from the store of this system, 1000.\n");
  });

  test("it says what is mounted, and what keeps it", async () => {
    expect((await laminix("mounts", "image.json", "--quiet")).trimEnd().split("\n")).toEqual([
      expect.stringMatching(/-busybox$/),
      greeter(),
    ]);
    expect(await laminix("mounts", "image.json", "--whole-store", "--quiet")).toBe(`${store.storeDir}\n`);
    expect(await laminix("roots", "./result")).toContain(folder.join("project/result"));
  });

  test("in this system's network it has this system's resolv.conf, though its image has no /etc", async () => {
    const command = ["--", "/bin/sh", "-c", "test -f /etc/resolv.conf && echo there"];
    const busybox = (await laminix("mounts", "image.json", "--quiet")).split("\n")[0]!;
    expect(await laminix("run", greeter(), busybox, "--network", "host", ...command)).toBe("there\n");
  });

  testWith(["dockerd"], "Docker runs it over mounts, and nothing of that is left", async () => {
    await using engine = await startDockerEngine();
    const { stdout } = await script("run-in-docker.sh", ["--network", "none"], engine.env);
    expect(stdout.toString()).toBe("Hello from the store of this system, 1000.\n");
    expect((await engine.docker(["ps", "--all", "--quiet"])).stdout.toString()).toBe("");
    const roots = folder.join("state/laminix/roots/docker");
    expect(existsSync(roots) ? readdirSync(roots) : []).toEqual([]);
  });
});
