import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { startProxy } from "../support/proxy.js";
import { describeWith, testWith } from "../support/requirements.js";
import { laminix, mustRun, projectRoot, run } from "../support/run.js";
import { startLaminix, type StartedOptions, unreadPipe } from "../support/started.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";

/** Milliseconds. Whatever is wrong, the command line says so within this, on a machine that is busy too. */
const PATIENCE = 60_000;
const bin = `${projectRoot}/dist/bundled/laminix.js`;

describeWith(["nix-daemon", "nix-store", "linux"], "the command line", () => {
  let daemon: NixStore;
  let folder: TemporaryFolder;
  /** Valid, and small. */
  let good: string;
  /** Valid, and takes a moment to compress. */
  let large: string;
  /** Valid, and takes far longer to hash than any test does. */
  let huge: string;
  /** Valid, with nothing on the disk. */
  let gone: string;

  beforeAll(async () => {
    folder = await temporaryFolder("bad");
    daemon = await startNixStore();
    const tree =
      (file: string, size: number, data?: Buffer) =>
      (place: string): void => {
        mkdirSync(place);
        writeFileSync(`${place}/${file}`, data ?? "");
        if (!data) truncateSync(`${place}/${file}`, size);
      };
    const nar = { hash: "0".repeat(64), size: 1000 };
    good = await daemon.addTree("good", tree("file", 0, Buffer.from("good\n")));
    large = await daemon.addTree("large", tree("file", 0, randomBytes(48 << 20)), { nar });
    huge = await daemon.addTree("huge", tree("file", 2 ** 40), { nar: { ...nar, size: 2 ** 40 } });
    gone = daemon.pathFor("gone");
    await daemon.registerPaths([{ path: gone, narHash: nar.hash, narSize: 100, references: [] }]);
  });
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  let counter = 0;
  const place = (): string => {
    const path = folder.join(`place-${counter++}`);
    mkdirSync(path);
    return path;
  };
  const file = (name: string, contents: string | Uint8Array): string => {
    const path = `${place()}/${name}`;
    writeFileSync(path, contents);
    return path;
  };
  const spec = (contents: unknown): string => file("spec.json", JSON.stringify(contents));
  const environment = (): Record<string, string> => ({ LAMINIX_CACHE_DIR: place() });

  /** A server that treats each client as told, for as long as `use` runs. */
  const withServer = async (
    onClient: (client: Socket) => void,
    use: (uri: string) => Promise<void>,
  ): Promise<void> => {
    const clients = new Set<Socket>();
    const server = createServer((client) => {
      clients.add(client.on("error", () => undefined));
      onClient(client);
    });
    const socket = `${place()}/socket`;
    server.listen(socket);
    await once(server, "listening");
    try {
      await use(`unix://${socket}`);
    } finally {
      for (const client of clients) client.destroy();
      server.close();
    }
  };

  interface Failure {
    readonly code: string;
    readonly exit?: number;
    readonly hint?: RegExp;
    readonly message?: RegExp;
    readonly env?: Readonly<Record<string, string>>;
  }

  /** The error that ends standard error, as JSON. */
  const errorIn = (stderr: string): { code: string; message: string; hint?: string } => {
    expect(stderr).not.toMatch(/^\s+at /m);
    return (JSON.parse(stderr.trimEnd().split("\n").at(-1) ?? "") as { error: never }).error;
  };

  /** Runs the arguments twice, for programs and for people. `OUT` in them is a folder that must stay empty. */
  const expectFailure = async (args: readonly string[], failure: Failure): Promise<void> => {
    const attempt = async (more: readonly string[]): Promise<string> => {
      const out = place();
      const all = args.map((arg) => arg.replace("OUT", out));
      const env = { ...environment(), ...failure.env };
      const result = await laminix([...all, ...more], { env, timeout: PATIENCE });
      expect(result, result.stderr).toMatchObject({ code: failure.exit ?? 1, timedOut: false });
      expect(readdirSync(out)).toEqual([]);
      expect(result.stdout.includes("manifest.json")).toBe(false);
      return result.stderr;
    };
    const [json, plain] = await Promise.all([attempt(["--json"]), attempt([])]);
    const error = errorIn(json);
    expect(error.code).toBe(failure.code);
    if (failure.message) expect(error.message).toMatch(failure.message);
    if (failure.hint) expect(error.hint).toMatch(failure.hint);
    expect(plain).not.toMatch(/^\s+at /m);
    // Names of temporary places differ between the two, and nothing else does.
    const same = (text: string): string => text.replace(/place-\d+/g, "place").replace(/--json/g, "");
    const lines = same(plain).trimEnd().split("\n");
    const expected = [
      `laminix: ${error.message}`,
      ...(error.hint === undefined ? [] : [`hint: ${error.hint}`]),
    ];
    expect(lines.slice(-expected.length)).toEqual(expected.map(same));
  };

  const build = (...args: string[]): string[] => [
    "build",
    "--store",
    daemon.uri,
    "-o",
    "OUT/image.tar",
    ...args,
  ];

  describe("refuses, with a code and a hint,", () => {
    test.each<[string, () => string[], Failure]>([
      [
        "a path outside the store",
        () => build("/etc/passwd"),
        { code: "ERR_OUTSIDE_STORE", hint: /looks like/ },
      ],
      ["a path that is not there", () => build("/nowhere/at/all"), { code: "ERR_FILE_READ" }],
      ["the store itself", () => build(daemon.storeDir), { code: "ERR_OUTSIDE_STORE" }],
      [
        "a hash that is too short",
        () => build(`${daemon.storeDir}/abc-name`),
        { code: "ERR_STORE_PATH", message: /3 characters, not 32/ },
      ],
      [
        "a hash in other letters",
        () => build(`${daemon.storeDir}/${"e".repeat(32)}-name`),
        { code: "ERR_STORE_PATH" },
      ],
      [
        "a name that is missing",
        () => build(`${daemon.storeDir}/${"0".repeat(32)}`),
        { code: "ERR_STORE_PATH" },
      ],
      [
        "a path that is not valid",
        () => build(`${daemon.storeDir}/${"0".repeat(32)}-x`),
        { code: "ERR_PATH_NOT_VALID", hint: /--realise/ },
      ],
      [
        "a valid path next to one that is not",
        () => build(good, `${daemon.storeDir}/${"0".repeat(32)}-x`),
        { code: "ERR_PATH_NOT_VALID" },
      ],
      [
        "a path that only the config names and that is not valid",
        () => build(spec({ name: "x", config: { Cmd: [`${daemon.storeDir}/${"0".repeat(32)}-x/bin/x`] } })),
        { code: "ERR_PATH_NOT_VALID" },
      ],
      ["a store path whose files are gone", () => build(gone), { code: "ERR_DAEMON" }],
      [
        "a closure of nothing valid",
        () => ["closure", "--store", daemon.uri, `${daemon.storeDir}/${"0".repeat(32)}-x`],
        { code: "ERR_PATH_NOT_VALID" },
      ],
    ])("%s", async (_, args, failure) => {
      await expectFailure(args(), failure);
    });

    test.each<[string, () => string[], Failure]>([
      [
        "an unknown key, naming the nearest",
        () => build(spec({ name: "x", maxLayer: 3 })),
        { code: "ERR_SPEC_UNKNOWN_KEY", hint: /"maxLayers"/ },
      ],
      ["a spec without a name", () => build(spec({})), { code: "ERR_SPEC", message: /name is missing/ }],
      [
        "a spec with a value of the wrong type",
        () => build(spec({ name: "x", contents: 1 })),
        { code: "ERR_SPEC", message: /contents/ },
      ],
      ["a spec that is a list", () => build(spec([])), { code: "ERR_SPEC" }],
      [
        "a spec that is not JSON",
        () => build(file("spec.json", '{"name": }')),
        { code: "ERR_JSON", message: /line 1, column 10/ },
      ],
      ["a spec that is not there", () => build("/nowhere/spec.json"), { code: "ERR_FILE_READ" }],
      ["a tag that no engine takes", () => build("--tag", "a b", good), { code: "ERR_SPEC", message: /tag/ }],
      ["a time that is none", () => build("--created", "yesterday", good), { code: "ERR_SPEC" }],
      [
        "maxLayers: 0",
        () => build(spec({ name: "x", contents: [good], maxLayers: 0 })),
        { code: "ERR_LAYER_BUDGET", hint: /2 or more/ },
      ],
      [
        "--max-layers 0",
        () => build("--max-layers", "0", good),
        { code: "ERR_LAYER_BUDGET", hint: /2 or more/ },
      ],
      [
        "--max-layers 0 for a mere plan",
        () => ["layers", "--store", daemon.uri, "--max-layers", "0", good],
        { code: "ERR_LAYER_BUDGET" },
      ],
    ])("%s", async (_, args, failure) => {
      await expectFailure(args(), failure);
    });

    test.each<[string, () => string[], Failure]>([
      [
        "an unknown option",
        () => build("--colour", good),
        { code: "ERR_USAGE", exit: 2, message: /--colour/ },
      ],
      [
        "an unknown command, suggesting a known one",
        () => ["biuld"],
        { code: "ERR_USAGE", exit: 2, hint: /build/ },
      ],
      ["no path", () => ["closure", "--store", daemon.uri], { code: "ERR_USAGE", exit: 2, message: /PATH/ }],
      ["neither spec nor path", () => build(), { code: "ERR_USAGE", exit: 2 }],
      ["no output", () => ["build", good], { code: "ERR_USAGE", exit: 2, message: /--output/ }],
      [
        "a strategy that there is not",
        () => build("--strategy", "best", good),
        { code: "ERR_USAGE", exit: 2 },
      ],
      ["a number that is none", () => build("--max-layers", "many", good), { code: "ERR_USAGE", exit: 2 }],
      ["no threads", () => build("--jobs", "0", good), { code: "ERR_USAGE", exit: 2 }],
      ["a variable without a value", () => build("--env", "NAME", good), { code: "ERR_USAGE", exit: 2 }],
      [
        "a compression that there is not",
        () => build("--compress", "rar", good),
        { code: "ERR_USAGE", exit: 2 },
      ],
      [
        "a graph where a daemon is asked",
        () => ["store", "--graph", "/dev/null"],
        { code: "ERR_USAGE", exit: 2 },
      ],
      [
        "a binary cache where a daemon is asked",
        () => ["store", "--store", "https://cache.example"],
        { code: "ERR_USAGE", exit: 2 },
      ],
      [
        "a store of a kind that is not known",
        () => ["store", "--store", "s3://bucket"],
        { code: "ERR_STORE_URL", hint: /ssh-ng:/ },
      ],
      [
        "an unknown parameter of a store",
        () => ["store", "--store", `${daemon.uri}?rael=/x`],
        { code: "ERR_STORE_URL" },
      ],
      [
        "a graph that is none",
        () => ["closure", "--graph", file("graph.json", "[]x"), good],
        { code: "ERR_GRAPH", hint: /path-info/ },
      ],
    ])("%s", async (_, args, failure) => {
      await expectFailure(args(), failure);
    });

    test.each<[string, () => string[], Failure]>([
      [
        "a conf.json that is not JSON",
        () => ["stream-conf", "--store", daemon.uri, file("conf.json", "{")],
        { code: "ERR_JSON" },
      ],
      [
        "a conf.json without what it needs",
        () => ["stream-conf", "--store", daemon.uri, file("conf.json", "{}")],
        { code: "ERR_CONF" },
      ],
      [
        "a conf.json that is not there",
        () => ["stream-conf", "--store", daemon.uri, "/nowhere"],
        { code: "ERR_FILE_READ" },
      ],
      [
        "a conf.json with a layer of something else",
        () => ["stream-conf", "--store", daemon.uri, file("conf.json", conf({ store_layers: ["x"] }))],
        { code: "ERR_CONF" },
      ],
      [
        "a conf.json with a path elsewhere",
        () => [
          "stream-conf",
          "--store",
          daemon.uri,
          file("conf.json", conf({ store_layers: [["/etc/passwd"]] })),
        ],
        { code: "ERR_OUTSIDE_STORE" },
      ],
      [
        "a conf.json with a path whose files are gone",
        () => ["stream-conf", "--store", daemon.uri, file("conf.json", conf({ store_layers: [[gone]] }))],
        { code: "ERR_FILE_CHANGED" },
      ],
    ])("%s", async (_, args, failure) => {
      await expectFailure(args(), failure);
    });

    const conf = (more: Readonly<Record<string, unknown>>): string =>
      JSON.stringify({
        ...{ architecture: "amd64", config: {}, repo_tag: "x:1", store_dir: daemon.storeDir },
        ...{ created: "1970-01-01T00:00:01+00:00", mtime: "1970-01-01T00:00:01+00:00" },
        ...{ uid: "0", gid: "0", uname: "root", gname: "root", from_image: null, customisation_layer: null },
        ...more,
      });
  });

  describe("refuses a base image", () => {
    let whole: Buffer;
    beforeAll(async () => {
      const path = `${place()}/whole.tar`;
      const args = ["build", "--store", daemon.uri, "-o", path, good];
      expect((await laminix(args, { env: environment() })).code).toBe(0);
      whole = readFileSync(path);
    });

    test.each<[string, () => string | Uint8Array, string]>([
      ["that is not an archive", () => "not a tar archive\n".repeat(100), "ERR_ARCHIVE"],
      ["that is empty", () => "", "ERR_ARCHIVE"],
      ["that ends in the middle of a layer", () => whole.subarray(0, 1024 * 5), "ERR_ARCHIVE"],
      [
        "that ends before its manifest",
        () => whole.subarray(0, whole.lastIndexOf("manifest.json")),
        "ERR_ARCHIVE",
      ],
      [
        "that ends in the middle of its manifest",
        () => whole.subarray(0, whole.lastIndexOf("manifest.json") + 520),
        "ERR_ARCHIVE",
      ],
      ["whose manifest is not JSON", () => replaced(whole, '"RepoTags":', '"RepoTags";'), "ERR_JSON"],
      [
        "whose manifest names another layer",
        () => replaced(whole, '/layer.tar"', '/other.tar"'),
        "ERR_ARCHIVE",
      ],
      ["whose manifest has no layers", () => replaced(whole, '"Layers":', '"Lairs" :'), "ERR_ARCHIVE"],
      ["that was cut after it was compressed", () => gzipSync(whole).subarray(0, 400), "ERR_ARCHIVE"],
      [
        "that is said to be compressed, and is not",
        () => Buffer.from("fd377a585a000004", "hex"),
        "ERR_ARCHIVE",
      ],
    ])("%s", async (_, contents, code) => {
      const base = file("base.tar", contents());
      await expectFailure(build("--from-image", base, good), { code });
      await expectFailure(["inspect", base], { code });
    });

    test("that is not there", async () => {
      await expectFailure(build("--from-image", "/nowhere.tar", good), { code: "ERR_FILE_READ" });
    });

    /** The last occurrence replaced by as many bytes. */
    function replaced(archive: Buffer, one: string, other: string): Buffer {
      const copy = Buffer.from(archive);
      copy.write(other, copy.lastIndexOf(one), "latin1");
      return copy;
    }
  });

  describe("gives up on a daemon", () => {
    test("that is not there", async () => {
      await expectFailure(["store", "--store", "unix:///nonexistent"], {
        code: "ERR_NO_DAEMON",
        hint: /nix-daemon/,
      });
      await expectFailure(["store", "--store", `unix:///${"long/".repeat(40)}`], { code: "ERR_NO_DAEMON" });
    });

    test("that is something else", async () => {
      const hello = (client: Socket): unknown => client.end("HTTP/1.1 400 Bad Request\r\n\r\n");
      await withServer(hello, async (uri) => {
        await expectFailure(["store", "--store", uri], {
          code: "ERR_DAEMON_PROTOCOL",
          hint: /listening there/,
        });
      });
    });

    test("that hangs in the handshake", async () => {
      await withServer(
        () => undefined,
        async (uri) => {
          await expectFailure(["store", "--store", uri], { code: "ERR_DAEMON_TIMEOUT", hint: /socket/ });
        },
      );
    });

    test("that hangs up in the handshake", async () => {
      await withServer(
        (client) => client.once("data", () => client.end()),
        async (uri) => {
          await expectFailure(["store", "--store", uri], { code: "ERR_DAEMON_DISCONNECTED" });
        },
      );
    });

    test("that dies in the middle of an answer, every time", async () => {
      const paths = Array.from({ length: 200 }, (_, i) => daemon.pathFor(`many-${i}`));
      const facts = { narHash: "0".repeat(64), narSize: 100 };
      await daemon.registerPaths(
        paths.map((path, i) => ({ path, ...facts, references: i === 0 ? paths.slice(1) : [] })),
      );
      const cutAfter = 3000;
      await using proxy = await startProxy(daemon.socket, `${place()}/socket`, { cutAfter });
      await expectFailure(["closure", "--store", proxy.uri, paths[0]!], { code: "ERR_DAEMON_DISCONNECTED" });
      const args = ["build", "--store", proxy.uri, "-o", "OUT/image.tar", paths[0]!];
      await expectFailure(args, { code: "ERR_DAEMON_DISCONNECTED" });
    });

    test("for want of an addon, naming the command that builds it", async () => {
      const env = { LAMINIX_ADDON: "/nonexistent/addon.node" };
      await expectFailure(["store"], { code: "ERR_ADDON_MISSING", hint: /npm run build:native/, env });
      await expectFailure(build(good), { code: "ERR_ADDON_MISSING", env });
      const noAddon = file("addon.node", "this is not a shared object");
      await expectFailure(["store"], { code: "ERR_ADDON_MISSING", env: { LAMINIX_ADDON: noAddon } });
    });
  });

  describe("notices that a file changed", () => {
    // More than is kept in memory between being hashed and being written.
    const addFile = async (name: string): Promise<{ path: string; data: string }> => {
      const path = await daemon.addTree(name, (top) => {
        mkdirSync(top);
        writeFileSync(`${top}/data`, Buffer.alloc(40 << 20, name));
      });
      chmodSync(`${path}/data`, 0o644);
      return { path, data: `${path}/data` };
    };

    test.each([
      ["is written to", (data: string) => appendFileSync(data, "more")],
      ["becomes shorter", (data: string) => truncateSync(data, 1000)],
      ["is written over", (data: string) => writeFileSync(data, Buffer.alloc(40 << 20, "something else"))],
    ])("while it is read: it %s", async (how, change) => {
      const { path, data } = await addFile(`changing-${how.replaceAll(" ", "-")}`);
      const args = ["stream", "--json", "--store", daemon.uri, path];
      await using streaming = startLaminix(args, { env: environment(), stdout: "pipe", timeout: PATIENCE });
      await streaming.says(/^layer/m);
      change(data);
      const pieces: Buffer[] = [];
      streaming.child.stdout?.on("data", (piece: Buffer) => pieces.push(piece));
      expect(await streaming.ended).toEqual([1, null]);
      expect(errorIn(streaming.stderr())).toMatchObject({ code: "ERR_FILE_CHANGED" });
      expect(Buffer.concat(pieces).includes("manifest.json")).toBe(false);
    });

    test("since its layer was hashed by an earlier run", async () => {
      const { path, data } = await addFile("changed-since");
      const [env, out] = [environment(), place()];
      const args = ["build", "--json", "--store", daemon.uri, "-o", `${out}/image.tar`, path];
      expect((await laminix(args, { env })).code).toBe(0);
      const before = readFileSync(`${out}/image.tar`);
      appendFileSync(data, "more".repeat(10_000));
      const again = await laminix(args, { env, timeout: PATIENCE });
      expect(again.code).toBe(1);
      expect(errorIn(again.stderr).code).toBe("ERR_FILE_CHANGED");
      expect(readdirSync(out)).toEqual(["image.tar"]);
      expect(readFileSync(`${out}/image.tar`).equals(before)).toBe(true);
    });
  });

  describe("cannot write", () => {
    test("into a folder that is not there, or is none", async () => {
      const failure = { code: "ERR_FILE_WRITE" };
      await expectFailure(["build", "--store", daemon.uri, "-o", "OUT/no/image.tar", good], failure);
      await expectFailure(["build", "--store", daemon.uri, "-o", "/proc/image.tar", good], failure);
      await expectFailure(["build", "--store", daemon.uri, "-o", "/etc/passwd/image.tar", good], failure);
    });

    test("over a folder", async () => {
      const out = place();
      mkdirSync(`${out}/image.tar/inside`, { recursive: true });
      const args = ["build", "--json", "--store", daemon.uri, "-o", `${out}/image.tar`, good];
      const result = await laminix(args, { env: environment(), timeout: PATIENCE });
      expect(result.code).toBe(1);
      expect(errorIn(result.stderr).code).toBe("ERR_FILE_WRITE");
      expect(readdirSync(out)).toEqual(["image.tar"]);
    });

    testWith(["root", "mount"], "to a disk that is full", async () => {
      const disk = place();
      await mustRun("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]);
      try {
        const args = ["build", "--json", "--store", daemon.uri, "-o", `${disk}/image.tar`, large];
        const built = await laminix(args, { env: environment(), timeout: PATIENCE });
        expect(built.code).toBe(1);
        expect(errorIn(built.stderr)).toMatchObject({ code: "ERR_FILE_WRITE", hint: /space/ });
        expect(readdirSync(disk)).toEqual([]);

        const fd = openSync(`${disk}/stdout`, "w");
        try {
          const options: StartedOptions = { env: environment(), stdout: fd, timeout: PATIENCE };
          await using streaming = startLaminix(["stream", "--json", "--store", daemon.uri, large], options);
          expect(await streaming.ended).toEqual([1, null]);
          expect(errorIn(streaming.stderr()).code).toBe("ERR_FILE_WRITE");
        } finally {
          closeSync(fd);
        }
      } finally {
        await mustRun("umount", [disk]);
      }
    });

    testWith(["root", "mount"], "to a disk that is read-only", async () => {
      const disk = place();
      await mustRun("mount", ["-t", "tmpfs", "-o", "size=1m,ro", "tmpfs", disk]);
      try {
        const args = ["build", "--store", daemon.uri, "-o", `${disk}/image.tar`, good];
        await expectFailure(args, { code: "ERR_FILE_WRITE", message: /read-only/ });
      } finally {
        await mustRun("umount", [disk]);
      }
    });

    testWith(["script"], "an archive to a terminal", async () => {
      for (const [command, ...args] of [
        ["stream", "--store", daemon.uri, good],
        ["stream-conf", "--store", daemon.uri, "/nowhere.json"],
      ]) {
        const line = [process.execPath, bin, command, ...args].join(" ");
        const result = await run("script", ["-qec", line, "/dev/null"], {
          env: { ...environment(), NO_COLOR: "1" },
          timeout: PATIENCE,
        });
        expect(result).toMatchObject({ code: 2, timedOut: false });
        expect(result.stdout.toString()).toContain("laminix: an archive is not written to a terminal");
        expect(result.stdout.toString()).toMatch(/hint: .*docker load/);
      }
    });
  });

  test("ends quietly with 141 when nobody reads any more", async () => {
    const args = (...rest: string[]): string => [process.execPath, bin, ...rest].join(" ");
    for (const line of [
      args("stream", "--quiet", "--store", daemon.uri, large),
      args("closure", "--json", "--store", daemon.uri, good),
    ]) {
      // The reader ends before the writer has begun, or after the first byte.
      for (const reader of ["true", "head -c 1 > /dev/null"]) {
        if (line.includes("closure") && reader !== "true") continue;
        const script = `${line} | ${reader}; exit "\${PIPESTATUS[0]}"`;
        const result = await run("bash", ["-c", script], { env: environment(), timeout: PATIENCE });
        expect(result).toMatchObject({ code: 141, stderr: "", timedOut: false });
      }
    }
  });

  describe("ends with 130 on Ctrl-C and leaves nothing behind", () => {
    const interrupted = async (
      args: readonly string[],
      stdout: number,
      until: (stderr: () => string) => Promise<void> | void,
    ): Promise<void> => {
      const options: StartedOptions = { env: environment(), stdout, timeout: PATIENCE };
      await using program = startLaminix([args[0]!, "--store", daemon.uri, ...args.slice(1)], options);
      await program.says(/store path/);
      await until(program.stderr);
      program.child.kill("SIGINT");
      expect(await program.ended).toEqual([130, null]);
      expect(program.stderr()).not.toMatch(/laminix:|^\s+at /m);
    };
    let nowhere: number;
    beforeAll(() => {
      nowhere = openSync("/dev/null", "w");
    });
    afterAll(() => {
      closeSync(nowhere);
    });

    test("while it hashes", async () => {
      const out = place();
      await interrupted(["build", "-o", `${out}/image.tar`, huge], nowhere, () => undefined);
      expect(readdirSync(out)).toEqual([]);
      await interrupted(["stream", huge], nowhere, () => undefined);
    });

    test("while it writes a file", async () => {
      const out = place();
      await interrupted(["build", "-o", `${out}/image.tar.gz`, large], nowhere, async () => {
        await vi.waitFor(() => expect(readdirSync(out)).toHaveLength(1), { timeout: PATIENCE, interval: 5 });
      });
      expect(readdirSync(out)).toEqual([]);
    });

    test("while nobody reads what it writes", async () => {
      using pipe = await unreadPipe(`${place()}/pipe`);
      await interrupted(["stream", large], pipe.fd, async (stderr) => {
        await vi.waitFor(() => expect(stderr()).toMatch(/^layer/m), { timeout: PATIENCE, interval: 5 });
      });
    });
  });
});
