import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  addHello,
  type DockerTools,
  dockerTools,
  enginePrograms,
  exportedNames,
} from "../../support/dockerTools.js";
import { describeWith } from "../../support/requirements.js";
import { laminix, mustRun, run } from "../../support/run.js";
import { startLaminix } from "../../support/started.js";

/** Debian's programs that fakeRootCommands needs where the image's root is at /. */
const packages = ["bash", "coreutils", "tar", "fakeroot", "util-linux", "sed", "libcap2-bin"];

/** Links that Debian's packages make when they are installed. */
const installed = { files: { "/usr/bin/fakeroot": { link: "fakeroot-sysv" }, "/bin/sh": { link: "bash" } } };

const programs = [...enginePrograms, "fakeroot", "proot", "setcap", "setfattr", "umoci", "skopeo"];

describeWith(programs, "dockerTools: the image's root", () => {
  let tools: DockerTools;
  beforeAll(async () => {
    tools = await dockerTools({ packages });
  });
  afterAll(async () => {
    await tools[Symbol.asyncDispose]();
  });

  /** A plain folder outside of the store. */
  function plainFolder(name: string, files: Readonly<Record<string, string>>): string {
    const place = tools.folder.join(name);
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(`${place}/${file}`), { recursive: true });
      writeFileSync(`${place}/${file}`, text);
    }
    return place;
  }

  test("nginx, nginxStream: folders that extraCommands make, an account, and a server that runs as it", async () => {
    const spec = {
      contents: [
        tools.busybox,
        {
          piece: "fakeNss" as const,
          extraPasswdLines: ["nginx:x:1000:1000::/var/empty:/bin/sh"],
          extraGroupLines: ["nginx:x:1000:"],
        },
      ],
      extraCommands:
        "mkdir -p tmp/client_body var/www; chmod 1777 tmp tmp/client_body; echo served > var/www/index.html",
      config: {
        Cmd: [
          "/bin/sh",
          "-c",
          "whoami; touch /tmp/client_body/x; httpd -p 8080 -h /var/www; wget -qO- http://127.0.0.1:8080/",
        ],
        User: "nginx",
        ExposedPorts: { "8080/tcp": {} },
      },
    };
    const built = await tools.build({ ...spec, name: "nginx-container" });
    const streamed = await tools.stream({ ...spec, name: "nginx-container" });
    expect(await tools.runMade(built)).toBe("nginx\nserved");
    expect((await tools.load(streamed.file))[0]).toBe(built.reference);
  });

  test("layeredImageWithFakeRootCommands: a chown is uid 1000 on /home/alice, and what only the commands link to runs", async () => {
    const unique = await addHello(tools.nix, "hello-unique");
    const made = await tools.build({
      ...{ name: "fake-root", tag: "1", contents: [tools.busybox] },
      fakeRootCommands: `
        mkdir -p ./home/alice
        chown 1000 ./home/alice
        ln -s ${unique} ./hello
      `,
    });
    const script = "stat -c '%u:%g' /home/alice; /hello/bin/hello; stat -c '%u:%g' /home";
    expect(await tools.runMade(made, ["/bin/sh", "-c", script])).toBe("1000:0\nHello, world!\n0:0");
  });

  test("imageViaFakeChroot, helloOnRootNoStoreFakechroot: absolute paths are those of the image", async () => {
    const made = await tools.stream({
      ...{ name: "image-via-fake-chroot", tag: "1", maxLayers: 3, contents: [...tools.shell, installed] },
      enableFakechroot: true,
      fakeRootCommands: `
        mkdir -p /srv/data
        chown 12345:12345 /srv/data
        ln -s /usr/bin/id /srv/id
        cat /usr/bin/id > /srv/copy
        pwd > /srv/where
        test -e /proc/self/stat
      `,
    });
    expect(made.warnings).toEqual([]);
    const script =
      "cat /srv/where; sha256sum /srv/copy /srv/id | cut -d ' ' -f 1 | uniq -c | wc -l; stat -c '%u:%g' /srv/data /srv";
    expect(await tools.runMade(made, ["/bin/bash", "-c", script])).toBe("/\n1\n12345:12345\n0:0");
  });

  test("etc: a script that fills /etc where the root is at /, so that localhost is known", async () => {
    const made = await tools.build({
      ...{ name: "etc", tag: "1", maxLayers: 3, contents: [...tools.shell, installed] },
      enableFakechroot: true,
      fakeRootCommands: `
        mkdir -p /etc/static
        printf '127.0.0.1 localhost\\n::1 localhost\\n' > /etc/static/hosts
        ln -s /etc/static/hosts /etc/hosts.static
      `,
    });
    // The engine puts an /etc/hosts of its own over the image's.
    const script = "while read -r address name; do echo $name; done < /etc/hosts.static";
    expect(await tools.runMade(made, ["/bin/bash", "-c", script])).toBe("localhost\nlocalhost");
  });

  test("extended attributes and file capabilities that fakeRootCommands set are in the image", async () => {
    const made = await tools.build({
      ...{ name: "capabilities", tag: "1", maxLayers: 3, contents: [...tools.shell] },
      fakeRootCommands: `
        cp /bin/busybox ping
        setcap cap_net_raw+ep ping
        setfattr -n user.colour -v green ping
        mknod null c 1 3
      `,
    });
    const script = "getcap /ping; echo gone > /null; stat -c %F /null";
    expect(await tools.runMade(made, ["/bin/bash", "-c", `PATH=$PATH:/sbin:/usr/sbin; ${script}`])).toBe(
      "/ping cap_net_raw=ep\ncharacter special file",
    );
    await tools.laminix(["export", made.file, "-o", tools.folder.join("capabilities.tar")]);
    const place = tools.folder.join("capabilities");
    mkdirSync(place);
    const attributes = ["--xattrs", "--xattrs-include=*"];
    await mustRun("tar", [
      ...attributes,
      "-xf",
      tools.folder.join("capabilities.tar"),
      "-C",
      place,
      "./ping",
    ]);
    expect((await mustRun("getcap", [`${place}/ping`])).stdout.toString()).toContain("cap_net_raw=ep");
    const colour = await mustRun("getfattr", ["--only-values", "-n", "user.colour", `${place}/ping`]);
    expect(colour.stdout.toString()).toBe("green");
  });

  test("build-image-with-path, layered-image-with-path: files of a plain folder are in the root, /hello.txt", async () => {
    const dummy = plainFolder("test-dummy", { "hello.txt": "Hello there!\n", "etc/deep/file": "deep\n" });
    symlinkSync("hello.txt", `${dummy}/link`);
    chmodSync(`${dummy}/hello.txt`, 0o600);
    const script = ["/bin/sh", "-c", "cat /hello.txt /link /etc/deep/file; stat -c '%a %u' /hello.txt"];
    for (const made of [
      await tools.single({ name: "image-with-path", tag: "1", copyToRoot: [tools.busybox, dummy] }),
      await tools.stream({ name: "layered-image-with-path", tag: "1", contents: [tools.busybox, dummy] }),
    ])
      expect(await tools.runMade(made, script)).toBe("Hello there!\nHello there!\ndeep\n644 0");
  });

  test("perms give modes and owners by path and pattern, without fakeroot", async () => {
    const place = plainFolder("with-perms", {
      "data/a.key": "",
      "data/b.txt": "",
      "data/sub/c.key": "",
      run: "",
    });
    const made = await tools.build({
      ...{ name: "with-perms", tag: "1", contents: [tools.busybox, place] },
      perms: [
        { path: "/data", uid: 1000, gid: 100 },
        { path: "/data", regex: "\\.key$", mode: "0400" },
        { path: "/run", mode: "4755" },
        { path: "/nothing", mode: "0700" },
      ],
    });
    const script = "cd /; stat -c '%n %a %u:%g' data data/a.key data/b.txt data/sub data/sub/c.key run";
    expect((await tools.runMade(made, ["/bin/sh", "-c", script])).split("\n")).toEqual([
      "data 755 1000:100",
      "data/a.key 400 1000:100",
      "data/b.txt 644 1000:100",
      "data/sub 755 1000:100",
      "data/sub/c.key 400 1000:100",
      "run 4755 0:0",
    ]);
    expect(made.warnings).toEqual([expect.stringContaining("/nothing") as string]);
  });

  test("keepContentsDirlinks: a link to a folder stays one, and else is a folder of copies", async () => {
    const one = plainFolder("dirlinks-1", { "usr/lib/one": "one\n" });
    symlinkSync("usr/lib", `${one}/lib`);
    const two = plainFolder("dirlinks-2", { "lib/two": "two\n" });
    const spec = { tag: "1", copyToRoot: [tools.busybox, one, two] };
    const script = ["/bin/sh", "-c", "stat -c %F /lib; ls /lib /usr/lib | xargs"];
    const kept = await tools.single({ ...spec, name: "dirlinks-kept", keepContentsDirlinks: true });
    expect(await tools.runMade(kept, script)).toBe("symbolic link\n/lib: one two /usr/lib: one two");
    const followed = await tools.single({ ...spec, name: "dirlinks-followed" });
    expect(await tools.runMade(followed, script)).toBe("directory\n/lib: one two /usr/lib: one");
  });

  test("what two of the contents have at one place is told, and the first is kept", async () => {
    const one = plainFolder("conflict-1", { "etc/conf": "first\n", same: "" });
    const two = plainFolder("conflict-2", { "etc/conf": "second\n", "etc/more": "more\n" });
    const made = await tools.build({ name: "conflict", tag: "1", contents: [tools.busybox, one, two] });
    expect(made.warnings).toEqual([expect.stringMatching(/^\/etc\/conf is in several/) as string]);
    expect(await tools.runMade(made, ["/bin/cat", "/etc/conf", "/etc/more"])).toBe("first\nmore");
    const copied = await tools.single({
      name: "conflict-copied",
      tag: "1",
      copyToRoot: [tools.busybox, one, two],
    });
    expect(copied.warnings).toEqual([expect.stringContaining("/etc/conf") as string]);
    expect(await tools.runMade(copied, ["/bin/cat", "/etc/conf"])).toBe("second");
  });

  test("uid and gid of an image of one layer own its copies, and not the store paths that these refer to", async () => {
    const made = await tools.single({
      ...{ name: "owned", tag: "1", copyToRoot: [tools.busybox], uid: 1000, gid: 100 },
      extraCommands: `ln -s ${tools.hello} hello; mkdir made`,
    });
    const places = ["/bin/busybox", "/made", tools.hello, `${tools.hello}/bin/hello`];
    expect(await tools.runMade(made, ["/bin/stat", "-c", "%u:%g", ...places])).toBe(
      "1000:100\n1000:100\n0:0\n0:0",
    );
  });

  /** The three ways to run a script, and what they add to a spec. */
  const scripts = (): [string, (script: string) => object][] => [
    ["extraCommands", (extraCommands) => ({ extraCommands })],
    ["fakeRootCommands", (fakeRootCommands) => ({ fakeRootCommands })],
    [
      "fakeRootCommands",
      (fakeRootCommands) => ({
        ...{ fakeRootCommands, enableFakechroot: true, contents: [...tools.shell, installed] },
        includeStorePaths: false,
      }),
    ],
  ];
  const failing = "for i in $(seq 30); do echo line $i; done; mkdir made; ls /no/such/place; echo unreached";
  const endless = "sleep 1000 & echo started $$ $!.; trap '' TERM; sleep 1000; wait";

  /** A folder for temporary files, a spec with a script, and where the image is to go. */
  function buildOf(kind: number, script: string) {
    const [key, made] = scripts()[kind]!;
    const place = tools.folder.join(`script-${String(kind)}-${String(script.length)}`);
    const temporary = `${place}/tmp`;
    mkdirSync(temporary, { recursive: true });
    writeFileSync(`${place}/spec.json`, JSON.stringify({ name: "script", ...made(script) }));
    return {
      ...{ key, place, temporary },
      args: ["build", "--store", tools.nix.url, "-o", `${place}/image.tar`, `${place}/spec.json`],
      env: { TMPDIR: temporary, LAMINIX_CACHE_DIR: tools.folder.join("cache") },
      expectNothing: () => {
        expect(readdirSync(temporary)).toEqual([]);
        expect(readdirSync(place).toSorted()).toEqual(["spec.json", "tmp"]);
      },
    };
  }

  test.each([
    [0, "extraCommands"],
    [1, "fakeRootCommands"],
    [2, "fakeRootCommands in the image's own root"],
  ])(
    "a script that fails shows its last lines and its exit status, and leaves nothing: %s, %s",
    async (kind) => {
      const { key, args, env, expectNothing } = buildOf(kind, failing);
      const result = await laminix(args, { env });
      expect(result.code).toBe(1);
      const [, error = ""] = result.stderr.split("laminix: ");
      expect(error).toMatch(
        new RegExp(
          `^${key} failed with exit code 2 at line 1: ls /no/such/place; it said last:\n  line 22\n`,
        ),
      );
      expect(error).toMatch(/\n {2}line 30\n {2}ls: .*\/no\/such\/place.*\nhint: .*\n$/);
      expect(result.stderr).not.toContain("unreached");
      expectNothing();
    },
  );

  test("a script in the image's own root that leaves a process behind, which fails, has not failed", async () => {
    const { args, env, place } = buildOf(2, "(sleep 0.3; exit 3) & echo done > done");
    expect(await laminix(args, { env })).toMatchObject({ code: 0 });
    expect(await exportedNames(tools, `${place}/image.tar`)).toContain("done");
  });

  test.each([
    [0, "extraCommands"],
    [1, "fakeRootCommands"],
    [2, "fakeRootCommands in the image's own root"],
  ])("an interrupt ends a script and its children, and leaves nothing: %s, %s", async (kind) => {
    const { args, env, expectNothing } = buildOf(kind, endless);
    await using started = startLaminix(args, { env, stdout: "pipe", timeout: 60_000 });
    await started.says(/started \d+ \d+\./);
    started.child.kill("SIGINT");
    expect(await started.ended).toEqual([130, null]);
    const [, ...pids] = /started (\d+) (\d+)\./.exec(started.stderr())!;
    // A process that has been sent SIGKILL is not gone in the same moment.
    for (const pid of pids) await expect.poll(() => isAlive(pid), { timeout: 60_000 }).toBe(false);
    expectNothing();
  });

  test("scripts larger than the system's limit for an argument run", async () => {
    const script = `${"# a long comment\n".repeat(12_000)}echo done > done`;
    expect(script.length).toBeGreaterThan(200_000);
    const made = await tools.single({
      ...{ name: "large-scripts", tag: "1", copyToRoot: [tools.busybox] },
      extraCommands: script,
      fakeRootCommands: script.replaceAll("done", "fake"),
    });
    expect(await tools.runMade(made, ["/bin/cat", "/done", "/fake"])).toBe("done\nfake");
  });

  test("umoci unpacks owners and modes as the commands left them", async () => {
    const made = await tools.build(
      {
        ...{ name: "unpacked", tag: "1", contents: [tools.busybox] },
        fakeRootCommands:
          "mkdir -p home/alice; echo secret > home/alice/key; chmod 600 home/alice/key; chown -R 1000:100 home/alice",
      },
      ["--compress", "none"],
    );
    const layout = `${tools.folder.join("layout")}:unpacked`;
    const env = { TMPDIR: tools.folder.path, HOME: tools.folder.path, XDG_RUNTIME_DIR: tools.folder.path };
    await mustRun(
      "skopeo",
      ["--insecure-policy", "copy", "-q", `docker-archive:${made.file}`, `oci:${layout}`],
      { env },
    );
    await mustRun("umoci", ["unpack", "--image", layout, tools.folder.join("bundle")], { env });
    const { stdout } = await run("stat", ["-c", "%a %u:%g", "alice/key", "alice"], {
      cwd: tools.folder.join("bundle/rootfs/home"),
    });
    expect(stdout.toString()).toBe("600 1000:100\n755 1000:100\n");
  });
});

/** Whether a process runs; one that has ended and that nobody has asked about is none. */
function isAlive(pid: string): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
