/** A store behind a real SSH server on this machine. */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type NixStore, openStore, streamLayeredImage } from "laminix";
import { bytesOf } from "../support/members.js";
import { type NixStore as TestStore, startNixStore } from "../support/nixStore.js";
import { describeWith } from "../support/requirements.js";
import { laminix } from "../support/run.js";
import { type SshServer, sshStoreUrl, startSshServer } from "../support/sshServer.js";
import { temporaryFolder } from "../support/temporary.js";

describeWith(["nix-daemon", "nix-store", "ssh", "sshd", "linux"], "a store behind SSH", () => {
  let nix: TestStore;
  let server: SshServer;
  let library: string;
  let program: string;
  let store: NixStore;
  beforeAll(async () => {
    [nix, server] = await Promise.all([startNixStore({ config: "trusted-users = *" }), startSshServer()]);
    vi.stubEnv("NIX_SSHOPTS", server.env.NIX_SSHOPTS);
    library = await nix.addTextFile("library", "l".repeat(3_000_000));
    program = await nix.addTextFile("program", library, [library]);
    store = await openStore(sshStoreUrl(server, nix, { store: nix.storeDir }));
  });
  afterAll(async () => {
    await store.close();
    vi.unstubAllEnvs();
    await server[Symbol.asyncDispose]();
    await nix[Symbol.asyncDispose]();
  });

  /** Processes of ssh that this one has started. */
  function clients(): number {
    const read = (file: string): string => {
      try {
        return readFileSync(file, "utf8");
      } catch {
        return ""; // the thread, or the process, has ended
      }
    };
    const children = readdirSync("/proc/self/task").flatMap((thread) =>
      read(`/proc/self/task/${thread}/children`).split(" ").filter(Boolean),
    );
    const isSsh = (pid: string): boolean => read(`/proc/${pid}/comm`) === "ssh\n";
    return children.filter(isSsh).length;
  }

  test("answers as the one there does", async () => {
    await using local = await openStore(nix.uri);
    const there = await local.info();
    expect(await store.info()).toMatchObject({ storeDir: nix.storeDir, version: there.version });
    expect([...(await store.closure(program))]).toEqual([...(await local.closure(program))]);
    expect(await store.referrers(library)).toContain(program);
    expect((await bytesOf(store.nar(library))).equals(await bytesOf(local.nar(library)))).toBe(true);
  });

  test("is changed", async () => {
    const { path } = await store.addText("over-ssh", "text");
    expect(await store.isValidPath(path)).toBe(true);
    const large = await store.addFile("large-over-ssh", Buffer.alloc(5_000_000, "x"));
    await using local = await openStore(nix.uri);
    expect(await local.pathInfo(large.path)).toMatchObject({ narSize: large.narSize });
    await using roots = await store.tempRoots([path]);
    await roots.check();
  });

  test("gives images, byte for byte those that are made over there", async () => {
    const archive = async (url: string): Promise<Buffer> => {
      await using opened = await openStore(url);
      await using image = await streamLayeredImage(
        { name: "x", contents: [program] },
        { store: opened, cache: false },
      );
      return await bytesOf(image.pieces());
    };
    const far = await archive(sshStoreUrl(server, nix));
    expect(far.equals(await archive(nix.uri))).toBe(true);
    expect(() => store.realPath(program)).toThrow(expect.objectContaining({ code: "ERR_PATH_NOT_ON_DISK" }));
  });

  test("is what --store and NIX_REMOTE name", async () => {
    const args = ["closure", program];
    const named = await laminix([...args, "--store", sshStoreUrl(server, nix)], { env: server.env });
    expect([named.stderr, named.stdout.toString()]).toEqual(["", `${library}\n${program}\n`]);
    const meant = await laminix(args, { env: { ...server.env, NIX_REMOTE: sshStoreUrl(server, nix) } });
    expect(meant.stdout.toString()).toBe(named.stdout.toString());
  });

  test("is trusted by the key that the URL has, and leaves no file of it", async () => {
    vi.stubEnv("NIX_SSHOPTS", `${server.options.join(" ")} -i ${server.key}`);
    await using folder = await temporaryFolder();
    vi.stubEnv("TMPDIR", folder.path);
    // A key of known hosts is for a host and a port, but for the usual one.
    const hostKey = Buffer.from(server.hostKey).toString("base64");
    const opening = openStore(sshStoreUrl(server, nix, { "base64-ssh-public-host-key": hostKey }));
    await expect(opening.then((opened) => opened.close())).resolves.toBeUndefined();
    expect(readdirSync(folder.path)).toEqual([]);
    const other = Buffer.from(server.hostKey.replace(/(.{10})$/, "AAAAAAAAAA")).toString("base64");
    await expect(
      openStore(sshStoreUrl(server, nix, { "base64-ssh-public-host-key": other })),
    ).rejects.toMatchObject({
      code: "ERR_DAEMON_DISCONNECTED",
      message: expect.stringMatching(/ssh ended with status 255/),
      hint: expect.stringContaining("nix-daemon --version"),
    });
    expect(readdirSync(folder.path)).toEqual([]);
    vi.unstubAllEnvs();
    vi.stubEnv("NIX_SSHOPTS", server.env.NIX_SSHOPTS);
  });

  test.each<[string, () => string, object]>([
    [
      "a user whom the server does not know",
      () => sshStoreUrl({ ...server, user: "no-such-user" }, nix),
      { code: "ERR_DAEMON_DISCONNECTED", message: expect.stringContaining("Permission denied") },
    ],
    [
      "a program that is not there",
      () => sshStoreUrl(server, nix, { "remote-program": "no-such-daemon" }),
      { code: "ERR_DAEMON_DISCONNECTED", message: expect.stringContaining("no-such-daemon") },
    ],
    [
      "a program that is no daemon",
      () => sshStoreUrl(server, nix, { "remote-program": "echo this is no daemon at all, but long enough;" }),
      { code: "ERR_DAEMON_PROTOCOL" },
    ],
    ["a host that begins with a dash", () => "ssh-ng://-oProxyCommand=x", { code: "ERR_STORE_URL" }],
  ])("says so where there is %s", async (_, url, expected) => {
    await expect(openStore(url())).rejects.toMatchObject(expected);
  });

  test("needs an ssh", async () => {
    const { code, stderr } = await laminix(["store", "--store", sshStoreUrl(server, nix), "--json"], {
      env: { PATH: "/nowhere" },
    });
    expect([code, JSON.parse(stderr)]).toMatchObject([1, { error: { code: "ERR_NO_DAEMON" } }]);
  });

  test("leaves no process when it is closed, nor when it is given up", async () => {
    const closing = await openStore(sshStoreUrl(server, nix));
    const reading = closing.nar(library);
    await reading.next();
    await closing.close();
    await expect(bytesOf(reading)).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_/) });
    const controller = new AbortController();
    const opening = openStore(sshStoreUrl(server, nix), { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(opening).rejects.toThrow("enough");
    await store.close();
    for (let tries = 0; clients() > 0 && tries < 100; tries++) await sleep(50);
    expect(clients()).toBe(0);
  });
});
