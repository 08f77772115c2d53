import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { OutputClosed } from "../../dist/cli/io.js";
import { namesOf, type ReadImage, readImage } from "../builders/image.js";
import { describeWith } from "../support/requirements.js";
import { Random } from "../support/random.js";
import { mustRun, projectRoot } from "../support/run.js";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.js";
import { runMain, type Situation } from "./commandLine.js";

const HASH = "0123456789abcdfghijklmnpqrsvwxyz";

let folder: TemporaryFolder;
let program: string;
let library: string;
/** The options that name the graph of a store in which a program references a library. */
let graph: string[];

beforeAll(async () => {
  folder = await temporaryFolder();
  const store = folder.join("store");
  program = `${store}/${HASH}-Program_1.0`;
  library = `${store}/${HASH.replace("0", "1")}-library`;
  mkdirSync(`${program}/bin`, { recursive: true });
  writeFileSync(`${program}/bin/program`, "#!/bin/sh\n", { mode: 0o755 });
  mkdirSync(library);
  writeFileSync(`${library}/file`, "x".repeat(2 << 20));
  const narHash = `sha256-${Buffer.alloc(32, 7).toString("base64")}`;
  const entries = [
    { path: program, narHash, narSize: 1000, references: [library] },
    { path: library, narHash, narSize: 2_000_000, references: [] },
  ];
  writeFileSync(folder.join("graph.json"), JSON.stringify(entries));
  graph = ["--graph", folder.join("graph.json")];
});
afterAll(() => folder[Symbol.asyncDispose]());

let cache: TemporaryFolder;
beforeEach(async () => {
  cache = await temporaryFolder();
  vi.stubEnv("LAMINIX_CACHE_DIR", cache.path);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await cache[Symbol.asyncDispose]();
});

async function stream(args: readonly string[], situation: Situation = {}): Promise<ReadImage> {
  const { code, stdout, stderr } = await runMain(["stream", ...args, ...graph], situation);
  if (code !== 0) throw new Error(stderr);
  return readImage(stdout);
}

function specFile(text: string): string {
  writeFileSync(folder.join("spec.json"), text);
  return folder.join("spec.json");
}

describe("laminix stream", () => {
  test("makes an image of the paths that it is given, called like the first of them", async () => {
    const { manifest, layers } = await stream([program, library]);
    expect(manifest.RepoTags).toEqual([expect.stringMatching(/^program_1\.0:[0-9a-z]{32}$/)]);
    expect(layers.flatMap(namesOf)).toEqual(
      expect.arrayContaining([`${program}/bin/program`, `${library}/file`, "./bin/program"]),
    );
  });

  test("follows links to store paths, and takes paths inside one for it", async () => {
    symlinkSync(program, folder.join("result"));
    symlinkSync("result", folder.join("again"));
    const direct = await runMain(["stream", program, ...graph]);
    for (const path of [
      folder.join("result"),
      folder.join("again"),
      folder.join("again/bin/program"),
      `${program}/bin`,
    ]) {
      expect((await runMain(["stream", path, ...graph])).stdout.equals(direct.stdout)).toBe(true);
    }
  });

  test("takes plain folders, and links to them, between store paths, and is called like one that comes first", async () => {
    const plain = folder.join("Plain folder_1");
    mkdirSync(`${plain}/etc`, { recursive: true });
    writeFileSync(`${plain}/etc/hello.txt`, "hello\n");
    symlinkSync(plain, folder.join("to-plain"));
    const one = await stream([plain, program]);
    expect(one.manifest.RepoTags[0]).toMatch(/^plain-folder_1:/);
    const root = one.layers.at(-1)!;
    expect(namesOf(root)).toEqual(["./", "./bin/", "./bin/program", "./etc/", "./etc/hello.txt"]);
    expect(root.at(-1)!.body.toString()).toBe("hello\n");
    const other = await stream([program, folder.join("to-plain")]);
    expect(other.manifest.RepoTags[0]).toMatch(/^program_1\.0:/);
    expect(namesOf(other.layers.at(-1)!)).toEqual(namesOf(root));
    const { code, stderr } = await runMain(["stream", `${plain}/etc/hello.txt`, ...graph]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("is not in")]);
  });

  test("has a flag for each key of the configuration", async () => {
    const flags = [
      ...[
        "--cmd",
        "a",
        "--cmd",
        "-b",
        "--entrypoint",
        "/bin/e",
        "--env",
        "A=1",
        "--env",
        "B==2 ",
        "--user",
        "me:users",
      ],
      ...["--workdir", "/w", "--label", "k=v=w", "--label", "empty=", "--expose", "80", "--expose", "53/udp"],
      ...["--volume", "/data", "--volume", "/more"],
    ];
    expect((await stream([program, ...flags])).config.config).toEqual({
      Cmd: ["a", "-b"],
      Entrypoint: ["/bin/e"],
      Env: ["A=1", "B==2 "],
      User: "me:users",
      WorkingDir: "/w",
      Labels: { k: "v=w", empty: "" },
      ExposedPorts: { "80/tcp": {}, "53/udp": {} },
      Volumes: { "/data": {}, "/more": {} },
    });
  });

  test("has a flag for each key of the spec", async () => {
    const flags = [
      ...["--name", "Reg.example/x", "--tag", "1", "--max-layers", "2", "--strategy", "popularity"],
      ...[
        "--created",
        "2001-01-01T00:00:00Z",
        "--mtime",
        "2002-01-01T00:00:00Z",
        "--architecture",
        "riscv64",
      ],
      ...["--uid", "5", "--gid", "6", "--uname", "me", "--gname", "us"],
    ];
    const { manifest, config, layers } = await stream([program, ...flags]);
    expect(manifest.RepoTags).toEqual(["reg.example/x:1"]);
    expect(config).toMatchObject({ created: "2001-01-01T00:00:00+00:00", architecture: "riscv64" });
    expect(layers).toHaveLength(2);
    const mtime = new Date("2002-01-01T00:00:00Z");
    expect(layers[0]![0]!.header).toMatchObject({ uid: 5, gid: 6, uname: "me", gname: "us", mtime });
    expect((await stream([program, "--no-include-store-paths"])).layers).toHaveLength(1);
    expect(
      (await stream([program, "--no-include-store-paths", "--include-store-paths"])).layers,
    ).toHaveLength(3);
  });

  test("reads a spec from a file, over which flags have the last word", async () => {
    const spec = specFile(
      `{"specVersion": 1, "name": "from-spec", "tag": "spec", "contents": ["${program}"], "includeStorePaths": false,
        "config": {"10": 1.0, "9": 9007199254740993, "Cmd": ["spec"], "Env": ["A=spec"], "__proto__": {"a": 1}}}`,
    );
    const plain = await stream([spec]);
    expect(plain.manifest.RepoTags).toEqual(["from-spec:spec"]);
    expect(plain.configText).toContain('"10": 1.0,\n        "9": 9007199254740993,');
    expect(plain.configText).toContain('"__proto__": {');
    const { manifest, config, configText, layers } = await stream([
      spec,
      "--tag",
      "flag",
      "--cmd",
      "flag",
      "--include-store-paths",
    ]);
    expect(manifest.RepoTags).toEqual(["from-spec:flag"]);
    expect(config.config).toMatchObject({ Cmd: ["flag"], Env: ["A=spec"] });
    expect(configText).toContain('"9": 9007199254740993,');
    expect(layers).toHaveLength(3);
  });

  test("takes when it was created from SOURCE_DATE_EPOCH, unless that is said", async () => {
    const environment = { SOURCE_DATE_EPOCH: "1000000000" };
    expect((await stream([program], { environment })).config.created).toBe("2001-09-09T01:46:40+00:00");
    const said = ["--created", "2020-01-01T00:00:00Z"];
    expect((await stream([program, ...said], { environment })).config.created).toBe(
      "2020-01-01T00:00:00+00:00",
    );
    const spec = specFile('{"name": "a", "created": "2019-01-01T00:00:00Z"}');
    expect((await stream([spec], { environment })).config.created).toBe("2019-01-01T00:00:00+00:00");
    expect((await stream([program], { environment: { SOURCE_DATE_EPOCH: "" } })).config.created).toBe(
      "1970-01-01T00:00:01+00:00",
    );
  });

  test.each<[string, string[], number, string]>([
    ["an unknown key", [], 1, "ERR_SPEC_UNKNOWN_KEY"],
    ["an environment variable without a value", ["--env", "A"], 2, "ERR_USAGE"],
    ["an environment variable without a name", ["--env", "=x"], 2, "ERR_USAGE"],
    ["a label without a value", ["--label", "x"], 2, "ERR_USAGE"],
    ["no layers", ["--max-layers", "0"], 1, "ERR_LAYER_BUDGET"],
    ["a name that no engine takes", ["--name", "a b"], 1, "ERR_SPEC"],
    ["a tag that no engine takes", ["--tag", "a b"], 1, "ERR_SPEC"],
    ["a time that is none", ["--created", "yesterday"], 1, "ERR_SPEC"],
  ])("given %s, fails before it writes anything", async (what, flags, expected, code) => {
    const image = what === "an unknown key" ? specFile('{"name": "a", "nmae": "b"}') : program;
    const { code: exit, stdout, stderr } = await runMain(["stream", image, ...flags, ...graph, "--json"]);
    expect([exit, stdout.length, JSON.parse(stderr).error.code]).toEqual([expected, 0, code]);
  });

  test.each([
    ["", "ERR_JSON"],
    ["[]", "ERR_SPEC"],
    ['{"name": "a", "config": }', "ERR_JSON"],
  ])("fails for a spec that is %j", async (text, code) => {
    const { code: exit, stderr } = await runMain(["stream", specFile(text), ...graph, "--json"]);
    expect([exit, JSON.parse(stderr).error]).toMatchObject([
      1,
      { code, message: expect.stringContaining("spec.json") },
    ]);
  });

  test("fails for a spec that is not there", async () => {
    const { code, stderr } = await runMain(["stream", folder.join("absent.json"), ...graph, "--json"]);
    expect([code, JSON.parse(stderr).error.code]).toEqual([1, "ERR_FILE_READ"]);
  });

  test("tells on standard error what it does, a plain line a layer, and nothing when told to be quiet", async () => {
    const { stderr } = await runMain(["stream", program, "--tag", "t", ...graph]);
    expect(stderr).not.toContain("\r");
    expect(stderr).not.toContain("\x1b");
    expect(stderr.trimEnd().split("\n")).toEqual([
      "2 store paths, 2.00 MB",
      expect.stringMatching(/^layer 1\/3 {2}sha256:[0-9a-f]{12} +2\.11 MB {2}library$/),
      expect.stringMatching(/^layer 2\/3 .*Program_1\.0$/),
      expect.stringMatching(/^layer 3\/3 .*the image's root$/),
      expect.stringMatching(/^program_1\.0:t {2}2\.\d+ MB$/),
    ]);
    expect((await runMain(["stream", program, "--quiet", ...graph])).stderr).toBe("");
  });

  test("writes no archive to a terminal", async () => {
    for (const argv of [
      ["stream", program],
      ["stream-conf", "conf.json"],
    ]) {
      const environment = { NO_COLOR: "1" };
      const { code, stdout, stderr } = await runMain([...argv, ...graph], { isTerminal: true, environment });
      expect([code, stdout.length]).toEqual([2, 0]);
      expect(stderr).toMatch(/terminal.*\nhint: .*docker load/);
    }
  });

  test("ends with 141 and no word where nobody reads it", async () => {
    const write = (): Promise<void> => Promise.reject(new OutputClosed());
    expect(await runMain(["stream", program, "--quiet", ...graph], { write })).toMatchObject({
      code: 141,
      stderr: "",
    });
  });

  test("ends with 130 and no message where it is interrupted", async () => {
    const controller = new AbortController();
    const write = (): Promise<void> => {
      controller.abort(new Error("interrupted"));
      return Promise.resolve();
    };
    const result = await runMain(["stream", program, "--quiet", ...graph], {
      write,
      signal: controller.signal,
    });
    expect(result).toMatchObject({ code: 130, stderr: "" });
  });
});

const unzstd = (bytes: Buffer): Buffer =>
  execFileSync("zstd", ["-qdc"], { input: bytes, maxBuffer: 1 << 30 });

describeWith(["zstd"], "laminix build", () => {
  test("writes the same to a file, compressed as its name says or as it is told", async () => {
    const { archive } = await stream([program]);
    for (const [name, flags, unpack] of [
      ["image.tar", [], (bytes: Buffer) => bytes],
      ["image.tar.gz", [], gunzipSync],
      ["packed", [], gunzipSync],
      ["plain", ["--compress", "none"], (bytes: Buffer) => bytes],
      ["image.tar.zst", [], unzstd],
      ["other", ["--compress", "zstd"], unzstd],
    ] as const) {
      const { code, stdout } = await runMain(["build", program, "-o", cache.join(name), ...flags, ...graph]);
      expect([code, stdout.length]).toEqual([0, 0]);
      expect(unpack(readFileSync(cache.join(name))).equals(archive)).toBe(true);
    }
  });

  test("compresses as the spec says, and leaves nothing behind when it fails", async () => {
    const spec = specFile(`{"name": "a", "contents": ["${program}"], "compressor": "none"}`);
    expect((await runMain(["build", spec, "-o", cache.join("a.tar.gz"), ...graph])).code).toBe(0);
    expect(readFileSync(cache.join("a.tar.gz")).includes("manifest.json")).toBe(true);
    const { code, stderr } = await runMain([
      "build",
      program,
      "-o",
      cache.join("none/b.tar"),
      ...graph,
      "--quiet",
      "--json",
    ]);
    expect([code, JSON.parse(stderr).error.code]).toEqual([1, "ERR_FILE_WRITE"]);
    expect(
      (await runMain(["build", program, "-o", cache.join("c"), "--compress", "xz", ...graph])).code,
    ).toBe(2);
    const wrong = specFile(`{"name": "a", "compressor": "xz"}`);
    const refused = await runMain(["build", wrong, "-o", cache.join("d.tar"), ...graph]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("none, gz, zstd")]);
    expect(readdirSync(cache.path).filter((name) => name !== "digests")).toEqual(["a.tar.gz"]);
  });
});

describe("progress on a terminal", () => {
  const ERASE = "\r\x1b[K";

  test("is a line that is drawn again for each layer and counts bytes, not layers", async () => {
    const argv = ["build", program, "-o", cache.join("a"), "--compress", "none", "--tag", "t", ...graph];
    const { stderr } = await runMain(argv, { isTerminal: true, environment: { NO_COLOR: "1" } });
    const lines = stderr.split(ERASE);
    expect(lines.slice(0, 3)).toEqual(["", "planning the image", "2 store paths, 2.00 MB\n"]);
    expect(lines.slice(3).filter((line) => !/^$|planning|hashing/.test(line))).toEqual([
      `[${".".repeat(24)}] layer 1/3  0 B of 2.11 MB  library`,
      expect.stringMatching(/^\[#{23}\.\] layer 2\/3 {2}2\.11 MB of 2\.1\d MB {2}Program_1\.0$/),
      expect.stringMatching(/^\[#{23}\.\] layer 3\/3 {2}2\.1\d MB of 2\.1\d MB {2}the image's root$/),
      expect.stringMatching(/^program_1\.0:t {2}.* {2}2\.1\d MB\n$/),
    ]);
  });

  test("is not in the way of an error", async () => {
    const argv = ["build", program, "-o", cache.join("absent/a"), ...graph];
    const { stderr } = await runMain(argv, { isTerminal: true, environment: { NO_COLOR: "1" } });
    expect(stderr).toContain(`laminix: ${cache.join("absent/a")} cannot be written`);
  });
});

describe("laminix layers", () => {
  test("prints the plan, and reads no file for it", async () => {
    const elsewhere = JSON.stringify(JSON.parse(readFileSync(folder.join("graph.json"), "utf8"))).replaceAll(
      folder.path,
      "/nowhere",
    );
    writeFileSync(folder.join("elsewhere.json"), elsewhere);
    const path = program.replace(folder.path, "/nowhere");
    const options = ["--graph", folder.join("elsewhere.json")];
    const { code, stdout } = await runMain(["layers", path, "--json", ...options]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout.toString())).toEqual({
      strategy: "balanced",
      layers: [
        { paths: [library.replace(folder.path, "/nowhere")], narSize: 2_000_000 },
        { paths: [path], narSize: 1000 },
      ],
      closure: { paths: [library.replace(folder.path, "/nowhere"), path], narSize: 2_001_000 },
      warnings: [],
    });
    const plain = await runMain([
      "layers",
      path,
      "--strategy",
      "popularity",
      "--max-layers",
      "2",
      ...options,
    ]);
    expect(plain.stdout.toString()).toBe(
      "layer      size  paths  names\n    1   2.00 MB      2  library, Program_1.0\n",
    );
    expect(plain.stderr).toBe("1 layer by strategy popularity, 2.00 MB\n");
  });
});

describe("laminix layers, of the strategy balanced", () => {
  const json = async (args: readonly string[]): Promise<object> => {
    const { code, stdout, stderr } = await runMain(["layers", ...args, ...graph, "--json"]);
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(stdout.toString()) as object;
  };

  test("takes a previous plan, history and hints from files", async () => {
    const plan = await json([program, "--strategy", "balanced", "--max-layers", "2"]);
    expect(plan).toMatchObject({
      strategy: "balanced",
      layers: [{ paths: [library, program].toSorted(), narSize: 2_001_000 }].map((layer) => ({
        ...layer,
        paths: expect.arrayContaining(layer.paths),
      })),
    });
    const file = folder.join("plan.json");
    writeFileSync(file, JSON.stringify(plan));
    writeFileSync(folder.join("hints.json"), JSON.stringify([{ match: "nothing", volatility: 2 }]));
    const known = ["--previous", file, "--history", file, "--hints", folder.join("hints.json")];
    const { code, stderr, stdout } = await runMain([
      ...["layers", program, "--strategy", "balanced", "--max-layers", "2", ...known],
      ...[...graph, "--json"],
    ]);
    const warnings = ['the hint "nothing" matches no store path of the image'];
    expect([code, JSON.parse(stdout.toString()), stderr]).toEqual([0, { ...plan, warnings }, ""]);
    const missing = await runMain([
      "layers",
      program,
      ...known.slice(0, 1),
      "/nowhere",
      "--strategy",
      "balanced",
      ...graph,
    ]);
    expect([missing.code, missing.stderr]).toEqual([
      1,
      expect.stringContaining("/nowhere, named by previous"),
    ]);
  });

  test("loads the client of registries for a previous image in one, and for nothing else", async () => {
    const plan = folder.join("light.json");
    writeFileSync(plan, JSON.stringify(await json([program])));
    const script = `
      import { createRequire } from "node:module";
      import { main } from "${projectRoot}/dist/cli/main.js";
      const quiet = { isTerminal: false, columns: 80, write: async () => {} };
      const { signal } = new AbortController();
      await main(process.argv.slice(1), { stdout: quiet, stderr: quiet, environment: {}, signal });
      const loaded = Object.keys(createRequire("${projectRoot}/").cache);
      console.log(loaded.some((file) => file.includes("/node_modules/undici/")));
    `;
    const isLoadedBy = async (...flags: string[]): Promise<string> => {
      const args = ["layers", program, "--strategy", "balanced", ...flags, ...graph];
      const node = ["--input-type=module", "--eval", script, "--", ...args];
      return (await mustRun(process.execPath, node)).stdout.toString().trim();
    };
    expect(await isLoadedBy()).toBe("false");
    expect(await isLoadedBy("--previous", plan, "--history", plan)).toBe("false");
    expect(await isLoadedBy("--previous", "docker://127.0.0.1:1/web")).toBe("true");
  });

  test("compares the strategies", async () => {
    const { stdout, stderr } = await runMain(["layers", program, "--compare", "--max-layers", "2", ...graph]);
    expect(stderr).toBe(
      "moved: bytes of the layers to send again when a store path changes, on average; 1.00 MB is the least possible\n",
    );
    expect(stdout.toString().replaceAll(/ +/g, " ")).toBe(
      [
        "strategy layers moved efficiency",
        "auto 1 2.00 MB 0.500",
        "popularity 1 2.00 MB 0.500",
        "balanced 1 2.00 MB 0.500",
        "(ideal) 1.00 MB 1",
        "",
      ].join("\n"),
    );
    expect(await json([program, "--compare", "--max-layers", "2"])).toMatchObject({
      ideal: 1_001_000,
      strategies: [{ strategy: "auto" }, { strategy: "popularity" }, { strategy: "balanced", layers: 1 }],
    });
  });

  test("tells what the search gained or left alone", async () => {
    const random = new Random(45);
    const paths = Array.from(
      { length: 60 },
      (_, i) => `/nix/store/${String(i).padStart(32, "0")}-a${String(i)}`,
    );
    const nodes = paths.map((path, i) => ({
      ...{
        path,
        narHash: `sha256-${"A".repeat(43)}=`,
        narSize: Math.round(Math.exp(6 + random.next() * 12)),
      },
      references: paths.slice(0, i).filter(() => random.chance(0.05)),
    }));
    const file = folder.join("many.json");
    writeFileSync(file, JSON.stringify(nodes));
    writeFileSync(folder.join("none.json"), JSON.stringify({ layers: [] }));
    const compare = ["layers", ...paths, "--graph", file, "--max-layers", "7", "--compare"];
    const anew = (await runMain(compare)).stdout.toString();
    expect(anew).toMatch(
      /^search: \d+ moves, to 0\.\d{3}, left alone: planned anew, the next image would have other layers \(see --previous\)$/m,
    );
    const first = (await runMain([...compare, "--previous", folder.join("none.json")])).stdout.toString();
    expect(first).toMatch(/^search: \d+ moves raised the efficiency from 0\.\d{3} to 0\.\d{3}$/m);
    writeFileSync(folder.join("before.json"), (await runMain([...compare.slice(0, -1), "--json"])).stdout);
    const known = ["--previous", folder.join("before.json"), "--horizon", "0"];
    expect((await runMain([...compare, ...known])).stdout.toString()).toContain(
      "left alone: within 0 changes they do not save the bytes of the layers that they change (see --horizon)\n",
    );
  });

  test("tells where a path is, and why", async () => {
    const flags = ["--strategy", "balanced", "--max-layers", "2", "--explain", library];
    const { stdout } = await runMain(["layers", program, ...flags, ...graph]);
    expect(stdout.toString()).toBe(
      [
        `${library}, 2.00 MB`,
        "  is in layer 1 of 1 by strategy balanced, with 1 other path, 2.00 MB in all",
        "  changes with 50.0 % of the changes; the layer is touched by 100.0 %",
        "  in a layer of its own, it would make 1.00 MB less a change be moved",
        "",
      ].join("\n"),
    );
    const facts = { path: library, strategy: "balanced", layer: 1, layers: 1 };
    expect(await json([program, ...flags])).toMatchObject(facts);
    expect(await json([program, ...flags.slice(0, -1), "library"])).toMatchObject(facts);
    const absent = await runMain(["layers", program, ...flags.slice(0, -1), "librari", ...graph]);
    expect([absent.code, absent.stderr]).toEqual([
      1,
      'laminix: nothing in the closure is named "librari"\nhint: did you mean library?\n',
    ]);
  });

  test("plans several images together, and nothing else of them", async () => {
    const files = ["one", "two"].map((name) => {
      const file = folder.join(`${name}.json`);
      writeFileSync(file, JSON.stringify({ name, contents: name === "one" ? [program] : [library] }));
      return file;
    });
    const { stdout, stderr } = await runMain(["layers", ...files, ...graph]);
    expect(stdout.toString()).toBe(
      [
        ...["one", "layer      size  paths  names", "    1   2.00 MB      1  library"],
        ...["    2   1.00 kB      1  Program_1.0", "two", "layer      size  paths  names"],
        ...["    1   2.00 MB      1  library", ""],
      ].join("\n"),
    );
    expect(stderr).toBe(
      "2 different layers by strategy balanced, 2.00 MB; one by one the images are 4.00 MB\n",
    );
    expect(await json(files)).toMatchObject({
      strategy: "balanced",
      images: [{ name: "one" }, { name: "two" }],
    });
    writeFileSync(folder.join("together.json"), JSON.stringify(await json(files)));
    expect(await json([...files, "--previous", folder.join("together.json")])).toEqual(await json(files));
    for (const flags of [["--compare"], ["--explain", library], ["--strategy", "auto"]]) {
      const { code, stderr: message } = await runMain(["layers", ...files, ...flags, ...graph]);
      expect([code, message]).toEqual([2, expect.stringContaining("several images are planned together")]);
    }
  });
});

describe("a layering pipeline", () => {
  const pipelineFile = (steps: unknown): string => {
    writeFileSync(folder.join("pipeline.json"), JSON.stringify(steps));
    return folder.join("pipeline.json");
  };

  test("is taken from a file by layers, stream and build, in place of what the spec has", async () => {
    const spec = specFile(
      JSON.stringify({ name: "a", contents: [program], layeringPipeline: [["no such step"]], maxLayers: 1 }),
    );
    const flags = ["--pipeline", pipelineFile([["split_every", 1], ["reverse"]]), ...graph];
    const layers = await runMain(["layers", spec, ...flags, "--json"]);
    expect(JSON.parse(layers.stdout.toString())).toMatchObject({
      strategy: "pipeline",
      layers: [
        { paths: [library], narSize: 2_000_000 },
        { paths: [program], narSize: 1000 },
      ],
    });
    expect((await runMain(["layers", spec, ...flags])).stderr).toBe(
      "2 layers by layeringPipeline, 2.00 MB\n",
    );
    const image = await stream([spec, ...flags.slice(0, 2)]);
    expect(image.layers.map(namesOf)).toEqual([
      expect.arrayContaining([`${library}/file`]),
      expect.arrayContaining([`${program}/bin/program`]),
      expect.arrayContaining(["./bin/program"]),
    ]);
    await runMain(["build", spec, "-o", folder.join("pipeline.tar"), ...flags]);
    expect(readFileSync(folder.join("pipeline.tar")).equals(image.archive)).toBe(true);
  });

  test("decides the tag by the layers that it makes, not by how it is written", async () => {
    const tag = async (steps: unknown): Promise<string> => {
      const { manifest } = await stream([program, "--pipeline", pipelineFile(steps)]);
      return manifest.RepoTags[0]!;
    };
    const one = await tag([]);
    expect(await tag([["split_every", 100]])).toBe(one);
    const spec = { name: "program_1.0", contents: [program], layeringPipeline: [["pipe", []]] };
    expect((await stream([specFile(JSON.stringify(spec))])).manifest.RepoTags[0]).toBe(one);
    expect(await tag([["split_every", 1]])).not.toBe(one);
    expect(await tag([["remove_paths", library]])).not.toBe(one);
  });

  test("warns of paths that are in no layer, unless told to be quiet, and leaves them out", async () => {
    const flags = ["--pipeline", pipelineFile([["remove_paths", library]]), ...graph];
    const warning = "warning: 1 store path is in no layer: layeringPipeline leaves out what it removes\n";
    for (const command of ["layers", "stream"]) {
      const { code, stderr } = await runMain([command, program, ...flags]);
      expect([code, stderr.startsWith(warning)]).toEqual([0, true]);
      expect((await runMain([command, program, ...flags, "--quiet"])).stderr).toBe("");
    }
    const { layers } = await stream([program, ...flags.slice(0, 2)]);
    expect(layers.flatMap(namesOf).filter((name) => name.startsWith(library))).toEqual([]);
  });

  test.each([
    ['[["reverse"]]', "ERR_SPEC", "layeringPipeline[0] (reverse) needs a list, got a graph"],
    ['[["revers"]]', "ERR_SPEC", 'layeringPipeline[0] has an unknown operation "revers"'],
    ["[", "ERR_JSON", "pipeline.json, named by layeringPipeline, is not JSON"],
  ])("that is %s fails before anything is written", async (text, code, message) => {
    writeFileSync(folder.join("pipeline.json"), text);
    const argv = ["stream", program, "--pipeline", folder.join("pipeline.json"), ...graph, "--json"];
    const { code: exit, stdout, stderr } = await runMain(argv);
    expect([exit, stdout.length]).toEqual([1, 0]);
    expect(JSON.parse(stderr).error).toMatchObject({ code, message: expect.stringContaining(message) });
  });
});

describe("laminix closure", () => {
  test("prints paths, each after all that it references, with their sizes or all that is known", async () => {
    const argv = ["closure", program, ...graph];
    expect((await runMain(argv)).stdout.toString()).toBe(`${library}\n${program}\n`);
    expect((await runMain([...argv, "--sizes"])).stdout.toString()).toBe(
      `     NAR   closure     added  path\n 2.00 MB   2.00 MB   2.00 MB  ${library}\n 1.00 kB   2.00 MB   2.00 MB  ${program}\n`,
    );
    const infos = JSON.parse((await runMain([...argv, "--json"])).stdout.toString());
    expect(infos).toMatchObject([
      { path: library, references: [] },
      { path: program, references: [library], narSize: 1000 },
    ]);
  });
});

describe("laminix inspect", () => {
  test("tells what is in an archive, as text and as JSON", async () => {
    await runMain(["build", program, "--tag", "t", "--cmd", "x", "-o", cache.join("image.tar"), ...graph]);
    const text = (await runMain(["inspect", cache.join("image.tar")])).stdout.toString();
    expect(text).toMatch(
      /^program_1\.0:t\n {2}config {2}sha256:[0-9a-f]{64}\n {2}runs {4}\{"Cmd": \["x"\]\}\n {2}layers {2}3 layers, /,
    );
    const { images } = JSON.parse(
      (await runMain(["inspect", cache.join("image.tar"), "--json"])).stdout.toString(),
    );
    expect(images).toMatchObject([{ tags: ["program_1.0:t"], os: "linux", config: { Cmd: ["x"] } }]);
    expect(images[0].layers).toHaveLength(3);
  });
});

describe("laminix build in OCI formats", () => {
  test("refuses flags that have no effect, and levels that there are not", async () => {
    const output = folder.join("refused");
    const zlib = ["--format", "oci-dir", "--layer-encoder", "zlib"];
    for (const [flags, code, message] of [
      [["--layer-compression", "gz"], 2, /--layer-compression has no effect in a docker-archive/],
      [["--annotation", "a=b"], 2, /--annotation has no effect/],
      [["--format", "oci-dir", "--annotation", "a"], 2, /not of the form KEY=VALUE/],
      [["--format", "oci-dir", "--compress", "gz"], 2, /oci-dir is a folder/],
      [["--format", "oci"], 2, /docker-archive, oci-archive, oci-dir/],
      [["--format", "oci-dir", "--layer-compression", "xz"], 2, /none, gz, zstd/],
      [["--format", "oci-dir", "--layer-compression-level", "13"], 1, /13 should be 0 to 12 of gz/],
      [[...zlib, "--layer-compression-level", "10"], 1, /10 should be 0 to 9 of gz by zlib/],
      [["--layer-encoder", "zlib"], 2, /--layer-encoder has no effect in a docker-archive/],
    ] as const) {
      const result = await runMain(["build", program, ...graph, "-o", output, ...flags]);
      expect([result.code, result.stderr]).toEqual([code, expect.stringMatching(message)]);
    }
    expect(readdirSync(folder.path)).not.toContain("refused");
  });

  test("compresses the archive as a whole only when it is told to", async () => {
    const archives = await Promise.all(
      [[], ["--compress", "gz"]].map(async (flags, i) => {
        const output = folder.join(`oci${i}.tar.gz`);
        const args = ["--format", "oci-archive", "-o", output, "--layer-compression", "none", ...flags];
        const { code, stderr } = await runMain(["build", program, ...graph, ...args]);
        expect([code, stderr]).toEqual([0, expect.any(String)]);
        return readFileSync(output);
      }),
    );
    expect(gunzipSync(archives[1]!).equals(archives[0]!)).toBe(true);
  });
});

describe("laminix cache", () => {
  test("tells its place and what is in it, and is emptied when asked", async () => {
    // A graph in a file vouches for nothing, so no digest is kept for its hashes.
    const facts = async (...flags: string[]): Promise<unknown> =>
      JSON.parse((await runMain(["cache", "--json", ...flags])).stdout.toString());
    const nothing = {
      path: cache.path,
      entries: 0,
      compressed: 0,
      size: 0,
      unpackedRoots: { entries: 0, size: 0 },
      warnings: [],
    };
    expect(await facts()).toEqual(nothing);
    mkdirSync(cache.join("digests/ab"), { recursive: true });
    writeFileSync(cache.join("digests/ab/cd"), "12345");
    expect(await facts()).toEqual({ ...nothing, entries: 1, size: 5 });
    expect((await runMain(["cache"])).stdout.toString()).toBe(`${cache.path}: 1 layer, 5 B\n`);
    mkdirSync(cache.join("roots/ef/root"), { recursive: true });
    writeFileSync(cache.join("roots/ef/facts.json"), JSON.stringify({ missing: [], size: 7 }));
    expect((await runMain(["cache"])).stdout.toString()).toBe(
      `${cache.path}: 1 layer, 5 B; 1 unpacked root, 7 B\n`,
    );
    expect(await facts("--clear")).toEqual(nothing);
  });
});
