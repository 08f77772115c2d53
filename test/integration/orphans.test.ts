/** Each kind of program that a command starts ends with the command, when that is killed. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { type Process, processes } from "../support/processes.js";
import { describeWith, testWith } from "../support/requirements.js";
import { laminix, projectRoot } from "../support/run.js";
import { type SshServer, sshStoreUrl, startSshServer } from "../support/sshServer.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

const bin = `${projectRoot}/dist/bundled/laminix.js`;

let folder: TemporaryFolder;
let nix: NixStore;
let tree: string;
beforeAll(async () => {
  folder = await temporaryFolder("orphans");
  for (const name of ["tmp", "programs", "login"]) mkdirSync(folder.join(name));
  nix = await startNixStore({ config: "trusted-users = *" });
  tree = await nix.addTextFile("file", "text");
});
afterAll(async () => {
  await nix[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});
beforeEach(() => {
  rmSync(folder.join("started"), { force: true });
});

const environment = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  ...process.env,
  TMPDIR: folder.join("tmp"),
  LAMINIX_CACHE_DIR: folder.join("cache"),
  NIX_REMOTE: nix.uri,
  PATH: `${folder.join("programs")}:${process.env["PATH"] ?? ""}`,
  ...more,
});

/** Does not end by itself, nor when it is asked to. It is known by the seconds that it sleeps, wherever it runs. */
const seconds = 1_000_000_000 + process.pid;
const endless = (started: string): string =>
  `trap '' TERM INT HUP PIPE; ${started}; while :; do sleep ${seconds}; done`;
const toldByFile = (): string => `touch ${folder.join("started")}`;

/** Takes the place of a program. */
function endlessProgram(name: string): void {
  const file = folder.join("programs", name);
  writeFileSync(file, `#!/bin/sh\n${endless(toldByFile())}\n`);
  chmodSync(file, 0o755);
}

function spec(fields: object): string {
  const file = folder.join("spec.json");
  writeFileSync(file, JSON.stringify({ name: "image", tag: "1", ...fields }));
  return file;
}

const isOurs = ({ command, environment }: Process): boolean =>
  environment.includes(`TMPDIR=${folder.join("tmp")}\0`) || command.includes(`sleep ${seconds}`);

/**
 * Kills a command once a program that it has started tells that it runs, by the file `started` or by a line of a
 * script's; what ran by then.
 */
async function killed(args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const child = spawn(process.execPath, [bin, ...args], {
    env: environment(more),
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const isStarted = (): boolean => existsSync(folder.join("started")) || said.includes("has started");
  while (!isStarted()) {
    if (child.exitCode !== null) throw new Error(`it has ended: ${said}`);
    await sleep(10);
  }
  const running = processes().filter(isOurs);
  child.kill("SIGKILL");
  await once(child, "exit");
  return running.filter(({ pid }) => pid !== child.pid).map(({ command }) => command);
}

async function expectNoneLeft(): Promise<void> {
  while (processes().some(isOurs)) await sleep(10);
  // What they have left in the temporary folder goes with the next start.
  const options = ["--quiet", "--store", nix.uri, "-o", folder.join("next.tar")];
  expect(await laminix(["build", ...options, tree], { env: environment() })).toMatchObject({ code: 0 });
}

const building = ["build", "-o", "/dev/null"];

describeWith(["linux", "nix-daemon", "nix-store"], "a command that is killed takes with it", () => {
  test("the evaluator of Nix", async () => {
    endlessProgram("nix-instantiate");
    expect(await killed(["eval", "1"])).not.toEqual([]);
    rmSync(folder.join("programs/nix-instantiate"));
    await expectNoneLeft();
  });

  test("a helper that looks for credentials", async () => {
    endlessProgram("docker-credential-endless");
    const server = createServer((_, response) => {
      response.writeHead(401, { "www-authenticate": 'Basic realm="test"' }).end();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    writeFileSync(folder.join("login/config.json"), JSON.stringify({ credHelpers: { [host]: "endless" } }));
    const more = { DOCKER_CONFIG: folder.join("login"), REGISTRY_AUTH_FILE: undefined };
    expect(await killed(["inspect", "--plain-http", `${host}/image:1`], more)).not.toEqual([]);
    server.closeAllConnections();
    server.close();
    await expectNoneLeft();
  });

  test("a program that unpacks", async () => {
    endlessProgram("xz");
    writeFileSync(folder.join("base.tar.xz"), Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]));
    expect(await killed(["inspect", folder.join("base.tar.xz")])).not.toEqual([]);
    await expectNoneLeft();
  });

  test("commands that make the root", async () => {
    const extraCommands = endless("echo it has started");
    expect(await killed([...building, spec({ extraCommands })])).not.toEqual([]);
    await expectNoneLeft();
  });

  testWith(["fakeroot"], "commands under fakeroot, and what remembers their owners", async () => {
    const fakeRootCommands = endless("chown 1000 .; echo it has started");
    expect(await killed([...building, spec({ fakeRootCommands })])).toContainEqual(
      expect.stringContaining("faked"),
    );
    await expectNoneLeft();
  });

  testWith(
    ["unshare", "busybox", "root"],
    "a script in namespaces, and what has left its session",
    async () => {
      const isThere = `until ps | grep -q "[s]leep ${seconds}"; do :; done`;
      const runAsRoot = `setsid sleep ${seconds} & ${isThere}; ${endless("echo it has started")}`;
      const args = ["build-image", "--isolation", "namespace", "-o", "/dev/null", spec({ runAsRoot })];
      expect(await killed(args)).toContainEqual(`sleep ${seconds}`);
      await expectNoneLeft();
    },
  );

  test("a nix-daemon that it has started for itself", async () => {
    const extraCommands = endless("echo it has started");
    const more = { ...nix.env, NIX_REMOTE: undefined, NIX_DAEMON_SOCKET_PATH: "/nonexistent" };
    const running = await killed([...building, spec({ contents: [tree], extraCommands })], more);
    expect(running).toContainEqual(expect.stringContaining("nix-daemon --stdio"));
    await expectNoneLeft();
  });
});

describeWith(["linux", "nix-daemon", "nix-store", "ssh", "sshd"], "a command that is killed", () => {
  let server: SshServer;
  beforeAll(async () => {
    server = await startSshServer();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test("takes the connection to a store behind SSH with it, at both ends", async () => {
    const extraCommands = endless("echo it has started");
    const url = sshStoreUrl(server, nix, { store: nix.storeDir });
    const args = [...building, "--store", url, spec({ contents: [tree], extraCommands })];
    expect(await killed(args, server.env)).toContainEqual(expect.stringMatching(/^ssh /));
    await expectNoneLeft();
    const there = `NIX_STATE_DIR=${nix.stateDir}\0`;
    const isThere = ({ command, environment }: Process): boolean =>
      command.includes("--stdio") && environment.includes(there);
    while (processes().some(isThere)) await sleep(10);
  });
});
