/** `laminix doctor` tells what is on a machine, as the other commands find it. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startDockerEngine } from "../support/dockerEngine.js";
import { freePort } from "../support/freePort.js";
import { startNixStore } from "../support/nixStore.js";
import { describeWith, testWith } from "../support/requirements.js";
import { projectRoot, run } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { vmKernelPath } from "../support/vm.js";
import { runMain } from "./commandLine.js";

interface Finding {
  readonly feature: string;
  readonly neededFor: string;
  readonly status: string;
  readonly found: string;
  readonly todo?: string;
}

const bin = `${projectRoot}/dist/bundled/laminix.js`;

let folder: TemporaryFolder;
/** A machine with nothing on it but Node. */
let bare: Readonly<Record<string, string>>;
beforeAll(async () => {
  folder = await temporaryFolder("doctor");
  mkdirSync(folder.join("nothing"));
  bare = {
    PATH: folder.join("nothing"),
    HOME: folder.join("nothing"),
    NIX_DAEMON_SOCKET_PATH: folder.join("no-socket"),
    DOCKER_HOST: `unix://${folder.join("no-docker")}`,
    CONTAINER_HOST: `unix://${folder.join("no-podman")}`,
    LAMINIX_CACHE_DIR: folder.join("cache"),
  };
});
afterAll(() => folder[Symbol.asyncDispose]());

interface Looking {
  readonly env?: Readonly<Record<string, string>>;
  /** A program, and its arguments, that starts it. */
  readonly through?: readonly string[];
  readonly store?: string;
}

/** What is found by the program, by its feature. */
async function look({ env = {}, through = [], store = "auto" }: Looking): Promise<Map<string, Finding>> {
  const [program, ...args] = [...through, process.execPath, bin, "doctor", "--json", "--store", store];
  const { code, stdout, stderr } = await run(program, args, { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const { features } = JSON.parse(stdout.toString()) as { features: Finding[] };
  return new Map(features.map((finding) => [finding.feature, finding]));
}

test("without anything but Node, says of each part what it is needed for and what to do", async () => {
  const findings = await look({ env: { ...bare, LAMINIX_ADDON: "/nowhere", LAMINIX_ENTER: "/nowhere" } });
  const missing = [
    "addon",
    "ssh",
    "Nix programs",
    "xz",
    "bzip2",
    "docker",
    "podman",
    "namespaces",
    "fakeroot",
  ];
  for (const feature of [...missing, "registry credentials", "proot", "QEMU"])
    expect(findings.get(feature)).toMatchObject({
      status: "missing",
      neededFor: expect.stringMatching(/./) as string,
      todo: expect.stringMatching(/./) as string,
    });
  expect(findings.get("daemon")).toMatchObject({
    status: "unknown",
    found: "cannot be asked without the addon",
  });
  expect(findings.get("addon")?.found).toContain("/nowhere");
  expect(findings.get("xz")?.todo).toContain("xz-utils");
  expect(findings.get("zstd")?.status).not.toBe("ok");
});

test("prints a table, and marks what is missing by a colour on a terminal", async () => {
  const { stdout, stderr, code } = await runMain(["doctor", "--store", "unix:///nowhere/socket"], {
    environment: bare,
    isTerminal: true,
  });
  const text = stdout.toString().replaceAll("\x1b", "ESC");
  expect(text).toMatch(/^ESC\[1mFeature +Status +FoundESC\[0m\n/);
  expect(text).toMatch(
    /^daemon +ESC\[1;31mmissingESC\[0m {2}no Nix daemon answers; tried \/nowhere\/socket/m,
  );
  expect(text).toMatch(/^ +needed for: questions to the Nix store/m);
  expect(text).toMatch(/^ +ESC\[36mhint:ESC\[0m start nix-daemon/m);
  expect(stderr).toMatch(/\d+ of \d+ features are ok/);
  expect(code).toBe(0);
});

test("gives up a daemon that does not answer", async () => {
  const socket = folder.join("silent");
  await using server = await listening(socket);
  const findings = await look({ env: bare, store: `unix://${socket}` });
  expect(server.connections()).toBe(1);
  expect(findings.get("daemon")).toMatchObject({
    status: "unknown",
    found: "did not answer within 2 seconds",
  });
});

test("asks nobody over the network", async () => {
  const port = await freePort("127.0.0.1");
  await using server = await listening(port);
  const findings = await look({
    env: { ...bare, DOCKER_HOST: `tcp://127.0.0.1:${String(port)}` },
    store: `ssh-ng://127.0.0.1:${String(port)}`,
  });
  expect(findings.get("docker")?.status).toBe("unknown");
  expect(findings.get("daemon")?.status).toBe("unknown");
  expect(server.connections()).toBe(0);
});

test("tells which logins there are, and none of their secrets", async () => {
  const config = folder.join("docker-config");
  mkdirSync(config);
  const auth = Buffer.from("me:open-sesame").toString("base64");
  const logins = {
    auths: { "registry.example": { auth } },
    credHelpers: { "other.example": "laminix-none" },
  };
  writeFileSync(`${config}/config.json`, JSON.stringify(logins));
  const finding = (await look({ env: { ...bare, DOCKER_CONFIG: config } })).get("registry credentials");
  expect(finding).toMatchObject({
    status: "limited",
    found: `registry.example, other.example by docker-credential-laminix-none in ${config}/config.json`,
    todo: expect.stringContaining("docker-credential-laminix-none") as string,
  });
  expect(JSON.stringify(finding)).not.toMatch(/sesame|bWU6/);

  writeFileSync(
    `${config}/config.json`,
    JSON.stringify({ auths: { "registry.example": { auth: "sesame" } } }),
  );
  const damaged = (await look({ env: { ...bare, DOCKER_CONFIG: config } })).get("registry credentials");
  expect(damaged).toMatchObject({
    status: "missing",
    todo: expect.stringContaining("log in again") as string,
  });
  expect(JSON.stringify(damaged)).not.toContain("sesame");
});

test("tells of a cache that cannot be written", async () => {
  writeFileSync(folder.join("file"), "");
  const findings = await look({ env: { ...bare, LAMINIX_CACHE_DIR: folder.join("file/cache") } });
  expect(findings.get("digest cache")).toMatchObject({
    status: "missing",
    todo: expect.stringContaining("LAMINIX_CACHE_DIR") as string,
  });
  expect((await look({ env: bare })).get("digest cache")?.status).toBe("ok");
});

test("refuses a reference graph", async () => {
  expect(await runMain(["doctor", "--graph", "graph.json"])).toMatchObject({ code: 2 });
});

test("is what errors of missing parts point to", async () => {
  const argv = ["store", "--store", "unix:///nowhere/socket"];
  const pointer = "`laminix doctor` shows what else is missing";
  expect((await runMain(argv)).stderr).toMatch(new RegExp(`^hint: start nix-daemon.*; ${pointer}`, "m"));
  const { error } = JSON.parse((await runMain([...argv, "--json"])).stderr) as { error: { hint: string } };
  expect(error.hint).toContain(pointer);
  expect((await runMain(["store", "--nothing"])).stderr).not.toContain(pointer);
});

describeWith(["nix-daemon", "nix-store", "nix-instantiate"], "with Nix", () => {
  test("tells of the daemon that answers, and of Nix's programs", async () => {
    await using nix = await startNixStore();
    const findings = await look({ store: nix.uri });
    expect(findings.get("addon")).toMatchObject({
      status: "ok",
      found: expect.stringContaining("addon.node") as string,
    });
    expect(findings.get("daemon")).toMatchObject({
      status: "ok",
      found: expect.stringMatching(/^Nix \S+, protocol 1\.\d+.*, at \//) as string,
    });
    expect(findings.get("Nix programs")?.found).toMatch(/nix-instantiate/);
  });

  test("starts no daemon where none listens", async () => {
    const state = folder.join("state");
    const env = { NIX_DAEMON_SOCKET_PATH: folder.join("no-socket"), NIX_STATE_DIR: state };
    expect((await look({ env })).get("daemon")).toMatchObject({
      status: "limited",
      found: expect.stringContaining("nix-daemon is started for each connection") as string,
    });
    expect(existsSync(state)).toBe(false);
  });
});

testWith(["dockerd"], "tells the version of an engine that answers", async () => {
  await using engine = await startDockerEngine();
  const { docker } = Object.fromEntries(await look({ env: { ...bare, DOCKER_HOST: engine.host } }));
  expect(docker).toMatchObject({
    status: "ok",
    found: expect.stringMatching(/\d+\.\d+.*, at unix:/) as string,
  });
});

testWith(
  ["root", "linux", "unshare", "tar"],
  "enters namespaces, and tells what keeps it from them",
  async () => {
    expect((await look({})).get("namespaces")?.status).toBe("ok");
    const off =
      'echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --ambient-caps -all --inh-caps -all "$@"';
    const outer = ["unshare", "--user", "--map-user=65534", "--map-group=65534", "--keep-caps"];
    const findings = await look({ through: [...outer, "sh", "-c", off, "sh"] });
    expect(findings.get("namespaces")).toMatchObject({
      status: "missing",
      todo: expect.stringContaining("max_user_namespaces=") as string,
    });
  },
);

testWith(["vm"], "tells of QEMU and a kernel, and of a kernel that does not do", async () => {
  const findings = await look({ env: { LAMINIX_VM_KERNEL: vmKernelPath() } });
  expect(findings.get("QEMU")?.status).toBe("ok");
  expect(findings.get("busybox")?.status).toBe("ok");
  expect(findings.get("kernel")).toMatchObject({
    status: "ok",
    found: expect.stringContaining(", modules in ") as string,
  });
  mkdirSync(folder.join("kernel/boot"), { recursive: true });
  mkdirSync(folder.join("kernel/lib/modules/6.1/kernel"), { recursive: true });
  writeFileSync(folder.join("kernel/boot/vmlinuz-6.1"), "");
  const other = await look({ env: { LAMINIX_VM_KERNEL: folder.join("kernel") } });
  expect(other.get("kernel")).toMatchObject({
    status: "limited",
    found: expect.stringContaining("has no virtio_pci") as string,
  });
});

interface Listening extends AsyncDisposable {
  readonly connections: () => number;
}

/** Takes connections, and says nothing. */
async function listening(place: string | number): Promise<Listening> {
  let connections = 0;
  const server: Server = createServer((socket) => {
    connections++;
    socket.on("error", () => undefined).resume();
  });
  server.listen(typeof place === "number" ? { port: place, host: "127.0.0.1" } : { path: place });
  await once(server, "listening");
  return {
    connections: () => connections,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}
